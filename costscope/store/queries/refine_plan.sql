-- The calls whose parts may be made again: of each (provider, model) of `batch_groups` all calls with usage,
-- or (not `whole`) those of the conversations that calls from $first_new on belong to (`touched`). In chunks of
-- about $rows parts that keep a session whole; calls without one are cut by their order.
create or replace temp table refined as
with scoped as (
    select c.call_no, g.grp, coalesce(c.session, c.trace) as session, g.whole,
           cache_read, cache_write_1h, cache_write_12h, cache_write_5m, cache_write_30m, fresh, reasoning
    from calls c join batch_groups g using (provider, model)
    where not c.estimated
),
sessions as (
    select grp, session, min(call_no) as first_call, max(call_no) as last_call
    from scoped where session is not null group by grp, session
),
keyed as (
    select scoped.*, session is null as alone, coalesce(first_call, call_no) as place,
           coalesce(last_call, call_no) >= $first_new as touched
    from scoped left join sessions using (grp, session)
),
chosen_calls as (select * from keyed where whole or touched),
sizes as (
    select call_no, count(*) as parts from parts semi join chosen_calls using (call_no) group by call_no
),
counted as (
    select *, sum(parts) over (order by place, call_no) as upto
    from chosen_calls join sizes using (call_no)
),
starts as (
    select grp, place, min(upto) as start from counted where not alone group by grp, place
)
select * exclude (alone, place, parts, upto, start, whole, session), if(alone, -1 - grp, place) as key,
       (if(alone, upto, start) // $rows)::integer as chunk
from counted left join starts using (grp, place);
