-- Which calls of a batch are stored. Of one identity the highest revision wins; where revisions are
-- equal, what was billed before what is estimated, a record with text before one without, and the
-- larger bill. Where nothing of this differs the first one stays, so that nothing changes twice.
create or replace temp table chosen as
with ranked as (
    select call, identity,
           row(revision, not estimated, request_hash <> 0, output, fresh + cache_read + cache_write_5m
               + cache_write_30m + cache_write_1h + cache_write_12h) as worth
    from batch_calls
), best as (
    select call, identity, worth,
           row_number() over (partition by identity order by worth desc, call) as nth
    from ranked
)
select b.call, k.call_no as replaces
from best b left join calls k on k.identity = b.identity
where b.nth = 1 and (
    k.call_no is null
    or b.worth > row(k.revision, not k.estimated, k.request_hash <> 0, k.output,
                     k.fresh + k.cache_read + k.cache_write_5m + k.cache_write_30m
                     + k.cache_write_1h + k.cache_write_12h)
);
