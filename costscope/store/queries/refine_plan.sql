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
keyed as (
    select *, session is null as alone,
           if(session is null, call_no, min(call_no) over of_session) as place,
           if(session is null, call_no, max(call_no) over of_session) >= $first_new as touched
    from scoped
    window of_session as (partition by grp, session)
),
chosen_calls as (select * from keyed where whole or touched),
sizes as (
    select call_no, count(*) as parts from parts semi join chosen_calls using (call_no) group by call_no
),
counted as (
    select *, sum(parts) over (order by place, call_no) as upto
    from chosen_calls join sizes using (call_no)
)
select * exclude (alone, place, parts, upto, whole, session), if(alone, -1 - grp, place) as key,
       (if(alone, upto, min(upto) over (partition by grp, place, alone)) // $rows)::integer as chunk
from counted;
