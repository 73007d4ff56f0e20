-- The calls of the scope as Workload.calls, in order of time and id.
select c.call_no,
       coalesce(nullif(c.call_id, ''), s.path || ':' || c.line) as call_id,
       coalesce(c.session, c.trace, c.user_id, nullif(c.call_id, ''), s.path || ':' || c.line)
           as cluster,
       c.session, c.trace, c.user_id, c.sent_at, c.latency_us, c.provider, c.channel, c.region,
       c.model, c.tier, c.status, c.finish_reason, c.feature, c.team, c.tenant, c.template,
       c.template_version, c.tags, c.temperature, c.request_hash, c.params_hash, c.traits, c.estimated,
       c.reported_pd, c.units, c.retry_of, false as added, '' as lever
from calls c join sources s using (source_no) semi join scope using (call_no)
order by c.sent_at nulls last, call_id, c.call_no;
