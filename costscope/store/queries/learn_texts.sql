-- The different texts of the features and roles in `batch_groups` (grp, feature, role), group by group, the
-- earliest first, with their spans in order. A text that was not cut is one span: itself.
with texts as (
    select g.grp, p.content, min(c.sent_at) as sent_at, max(p.tokens) as tokens,
           bool_or(p.rule = 'learned') as was_learned
    from parts p join calls c using (call_no)
         join batch_groups g on g.role::role = p.role and coalesce(g.feature, '') = coalesce(c.feature, '')
    where p.kind = 'text' and p.content <> 0
      and p.segment in ('query', 'system', 'context')
      and (p.rule = 'learned' or p.rule = if(p.role = 'user', 'turn', 'structure'))
    group by g.grp, p.content
)
select t.grp, t.content, t.was_learned, coalesce(s.span, t.content) as what,
       coalesce(s.tokens, t.tokens) as tokens, coalesce(s.opens, 2) as opens, coalesce(s.asks, false) as asks
from texts t left join spans s using (content)
order by t.grp, t.sent_at nulls last, t.tokens, t.content, s.nth;
