-- What is billed beside tokens, by group, unit and model: from `charged` (call_no, unit, number, pd), where pd
-- is null for what has no price.
select scope.* exclude (call_no), f.unit, c.model, f.pd is null as unpriced,
       sum(f.number)::bigint as number, sum(f.pd)::varchar as pd
from charged f join scope using (call_no) join calls c using (call_no)
group by all
order by all;
