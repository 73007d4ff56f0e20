-- Where each wanted text can be read again: in the last call that has it, which in a conversation has most of
-- what was said before, too.
with places as (
    select w.content, max(p.call_no) as call_no
    from wanted w join parts p using (content)
    group by w.content
)
select p.content, s.path, s.reader, c.feature, c.byte_offset
from places p join calls c using (call_no) join sources s using (source_no)
order by s.path, c.byte_offset, p.content;
