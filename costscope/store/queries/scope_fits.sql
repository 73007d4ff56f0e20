-- What was fitted for the providers and models of the chosen calls, with how many of those show usage.
select provider, model, count(*) as calls, any_value(f.coefficients) as coefficients,
       any_value(f.error_median) as error_median, any_value(f.error_p90) as error_p90,
       any_value(f.default_median) as default_median, any_value(f.default_p90) as default_p90
from calls c semi join scope using (call_no) join fits f using (provider, model)
where not c.estimated
group by provider, model
order by calls desc, provider, model;
