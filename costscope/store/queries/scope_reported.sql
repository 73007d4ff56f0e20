-- What the log says that calls cost, beside their tokens by class and what is billed beside tokens: calls of
-- one rate that are billed in the same classes are one row, so that it is seen which of them have a price
-- for all that they are billed.
with fees as (
    select call_no, sum(pd) as pd, bool_or(pd is null) as unpriced from charged group by call_no
)
select c.model, k.rate_no, c.reported_pd is not null as reported, c.estimated,
       coalesce(f.unpriced, false) as unpriced_fees, count(*) as calls,
       sum(c.reported_pd)::varchar as reported_pd, coalesce(sum(f.pd), 0)::varchar as fees_pd,
       sum(c.fresh)::bigint as fresh, sum(c.cache_read)::bigint as cache_read,
       sum(c.cache_write_5m)::bigint as cache_write_5m, sum(c.cache_write_30m)::bigint as cache_write_30m,
       sum(c.cache_write_1h)::bigint as cache_write_1h, sum(c.cache_write_12h)::bigint as cache_write_12h,
       sum(c.output)::bigint as output
from calls c semi join scope using (call_no) join keyed k using (call_no) left join fees f using (call_no)
group by c.model, k.rate_no, c.reported_pd is not null, c.estimated, coalesce(f.unpriced, false),
         c.fresh > 0, c.cache_read > 0, c.cache_write_5m > 0, c.cache_write_30m > 0,
         c.cache_write_1h > 0, c.cache_write_12h > 0, c.output > 0
order by all;
