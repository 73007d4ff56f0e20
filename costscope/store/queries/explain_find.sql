-- The calls of the scope that a word may mean: $call is an id or its beginning; $path and $line are a place.
-- An id that is the whole word, or a place, is meant before an id that only begins with it.
with met as (
    select c.call_no, c.call_id, s.path, c.line, c.sent_at,
           if($call <> '' and c.call_id = $call, 0,
              if(c.line = $line and (s.path = $path or ends_with(replace(s.path, '\', '/'), '/' || $path)),
                 1, if($call <> '' and starts_with(c.call_id, $call), 2, 3))) as rank
    from calls c join sources s using (source_no) semi join scope using (call_no)
)
select call_no, call_id, path, line
from met
where rank < 3
qualify rank = min(rank) over ()
order by sent_at nulls last, path, line, call_id, call_no;
