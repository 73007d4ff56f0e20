insert into calls
select $base + b.call, b.identity, b.revision, b.call_id, b.source_no, b.byte_offset, b.line + b.first_line, b.session,
       b.trace, b.task, make_timestamp(b.sent_at), b.latency_us, b.provider, b.channel, b.region,
       b.model, b.tier, b.status, b.finish_reason, b.feature, b.team, b.user_id, b.tenant, b.template,
       b.template_version, b.tags, b.temperature, b.request_hash, b.params_hash, b.traits, b.estimated, b.fresh,
       b.cache_read, b.cache_write_5m, b.cache_write_30m, b.cache_write_1h, b.cache_write_12h,
       b.output, b.reasoning, b.reported_pd, b.units, b.ambiguous, b.retry_of
from batch_calls b semi join chosen using (call);
