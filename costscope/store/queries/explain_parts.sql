-- The parts of the scope's call, along its prompt.
select p.* exclude (call_no)
from parts p semi join scope using (call_no)
order by p.seq, p.nth, p.billing_class;
