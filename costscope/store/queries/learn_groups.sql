-- The features and roles of which there may be something to learn, with how many different texts they
-- sent: of the features that calls from $first_new on belong to.
with eligible as (
    select distinct c.feature, p.role, p.content
    from parts p join calls c using (call_no)
    where p.role in ('user', 'system') and p.kind = 'text' and p.content <> 0
      and p.segment in ('query', 'system', 'context')
      and (p.rule = 'learned' or p.rule = if(p.role = 'user', 'turn', 'structure'))
      and coalesce(c.feature, '') in (
          select coalesce(feature, '') from calls where call_no >= $first_new)
)
select feature, role::varchar as role, count(*) as texts
from eligible
group by all
having texts >= $enough and count(*) filter (content in (select content from spans)) > 0
order by feature nulls first, role;
