-- Silences: times without any call of the scope that last three days at least, and ten times as long as
-- nine in ten of the times between two calls. The longest ones, and how many there are.
with timed as (
    select c.sent_at, lag(c.sent_at) over (order by c.sent_at) as before
    from calls c semi join scope using (call_no)
    where c.sent_at >= timestamp '2015-01-01'
), gaps as (
    select before, sent_at, epoch(sent_at) - epoch(before) as seconds from timed where before is not null
)
select before, sent_at as after, count(*) over () as gaps
from gaps
where seconds >= 3 * 86400 and seconds >= 10 * (select quantile_cont(seconds, 0.9) from gaps)
order by seconds desc, before
limit 3;
