-- Providers and models that calls from $first_new on belong to: calls that show usage, and what was fitted
-- for them before.
select c.provider, c.model, count(*) as calls, any_value(f.calls) as fitted_calls,
       any_value(f.coefficients) as coefficients
from calls c left join fits f using (provider, model)
where not c.estimated
group by c.provider, c.model
having max(c.call_no) >= $first_new
order by c.provider, c.model;
