-- What decided the segments of the calls of the scope, by feature: calls that have such parts, and tokens.
select coalesce(c.feature, '') as feature, p.segment::varchar as segment, p.rule::varchar as rule,
       count(distinct p.call_no) as calls, sum(p.tokens)::bigint as tokens
from parts p join calls c using (call_no) semi join scope using (call_no)
where p.tokens > 0
group by coalesce(c.feature, ''), p.segment, p.rule
order by coalesce(c.feature, ''), p.segment, p.rule;
