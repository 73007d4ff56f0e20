-- Where each text of a feature in a role was said first; of those that learning looks at, see learn_texts.sql.
with firsts as (
    select p.content, min(p.call_no) as call_no
    from parts p join calls c using (call_no)
    where p.role = $role and p.kind = 'text' and p.content <> 0
      and p.segment in ('query', 'system', 'context')
      and (p.rule = 'learned' or p.rule = if($role = 'user', 'turn', 'structure'))
      and coalesce(c.feature, '') = coalesce($feature, '')
    group by p.content
)
select f.content, s.path, s.reader, c.byte_offset
from firsts f join calls c using (call_no) join sources s using (source_no)
order by s.path, c.byte_offset, f.content;
