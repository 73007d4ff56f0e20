-- What the gate looks at: a row a call of the scope, with its tokens by class and input by segment.
with segments as (
    select p.call_no,
           sum(p.tokens) filter (p.segment = 'system')::bigint as seg_system,
           sum(p.tokens) filter (p.segment = 'tools')::bigint as seg_tools,
           sum(p.tokens) filter (p.segment = 'context')::bigint as seg_context,
           sum(p.tokens) filter (p.segment = 'history')::bigint as seg_history,
           sum(p.tokens) filter (p.segment = 'query')::bigint as seg_query,
           sum(p.tokens) filter (p.segment = 'unattributed')::bigint as seg_unattributed
    from parts p semi join scope using (call_no)
    where p.billing_class <> 'output'
    group by p.call_no
)
select c.call_no,
       coalesce(c.session, c.trace, c.user_id, nullif(c.call_id, ''), s.path || ':' || c.line)
           as cluster,
       coalesce(c.feature, '(none)') as feature, c.model, c.provider, c.channel, c.region, c.tier,
       c.status, coalesce(c.template, '') as template,
       coalesce(c.template_version, '') as template_version, c.sent_at, c.fresh, c.cache_read,
       c.cache_write_5m, c.cache_write_30m, c.cache_write_1h, c.cache_write_12h, c.output,
       c.reasoning,
       coalesce(g.seg_system, 0) as seg_system, coalesce(g.seg_tools, 0) as seg_tools,
       coalesce(g.seg_context, 0) as seg_context, coalesce(g.seg_history, 0) as seg_history,
       coalesce(g.seg_query, 0) as seg_query, coalesce(g.seg_unattributed, 0) as seg_unattributed
from calls c join sources s using (source_no) semi join scope using (call_no)
     left join segments g using (call_no)
order by c.call_no;
