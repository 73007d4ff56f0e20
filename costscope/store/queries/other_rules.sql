-- How many files have calls that were cut by other rules of the user than those of $digest; "" stands for none.
select count(*)
from sources s left join meta m on m.key = 'rules.' || s.source_no
where coalesce(m.value, '') <> $digest and s.source_no in (select source_no from calls);
