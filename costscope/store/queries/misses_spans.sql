-- The spans of the system texts of the scope's calls, in order.
select content, nth::bigint as nth, span, tokens::bigint as tokens
from spans
where content in (
    select content from parts semi join scope using (call_no)
    where role = 'system' or segment = 'system'
)
order by content, nth;
