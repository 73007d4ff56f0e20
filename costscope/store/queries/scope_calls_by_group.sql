-- Calls and what the log itself says they cost, by group.
select scope.* exclude (call_no), count(*) as calls, count(distinct coalesce(c.session, c.trace)) as conversations,
       count(distinct c.user_id) as users, count(distinct c.task) as tasks,
       count(*) filter (c.estimated) as estimated_calls, count(c.reported_pd) as reported_calls,
       sum(c.reported_pd)::varchar as reported_pd, min(c.sent_at) as since, max(c.sent_at) as until,
       sum(c.output)::bigint as output, sum(c.reasoning)::bigint as reasoning,
       count(*) filter (c.sent_at is null) as timeless
from calls c join scope using (call_no)
group by all
order by all;
