-- All texts in the order in which `text_places` has them found: each belongs to the file of the last call that
-- has it, and of that file records are read which are the last to have some text.
with lasts as (select content, max(call_no) as call_no from parts where content <> 0 group by content),
homes as (select content, source_no, byte_offset from lasts join calls using (call_no)),
looked_up as (select distinct source_no, byte_offset from homes)
select p.content
from parts p join calls c using (call_no)
join looked_up using (source_no, byte_offset)
join homes h on h.content = p.content and h.source_no = c.source_no
join sources s on s.source_no = c.source_no
group by p.content, s.path
order by s.path, min(c.call_no), p.content;
