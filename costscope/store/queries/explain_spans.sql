-- How many tokens the spans of the texts of the scope's call count, in order.
select content, tokens from spans
where content in (select content from parts semi join scope using (call_no) where nth > 0)
order by content, nth;
