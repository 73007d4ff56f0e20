-- What is odd about single calls of the scope, by finding: calls, tokens, what they cost and three places.
with told as (
    select c.call_no, c.source_no, c.line, s.path, c.sent_at, c.status, c.estimated, c.ambiguous,
           c.session, c.trace, c.feature, c.model, c.retry_of,
           coalesce(json_extract_string(c.tags, '$.clock') = 'relative', false) as relative,
           make_timestamp(s.modified // 1000) + interval 1 hour as latest,
           lag(c.sent_at) over (partition by c.source_no order by c.line, c.call_no) as before,
           c.fresh + c.cache_read + c.cache_write_5m + c.cache_write_30m + c.cache_write_1h
               + c.cache_write_12h + c.output as tokens,
           if(c.fresh = 0, 0, w.fresh::hugeint * c.fresh)
               + if(c.cache_read = 0, 0, w.cache_read::hugeint * c.cache_read)
               + if(c.cache_write_5m = 0, 0, w.cache_write_5m::hugeint * c.cache_write_5m)
               + if(c.cache_write_30m = 0, 0, w.cache_write_30m::hugeint * c.cache_write_30m)
               + if(c.cache_write_1h = 0, 0, w.cache_write_1h::hugeint * c.cache_write_1h)
               + if(c.cache_write_12h = 0, 0, w.cache_write_12h::hugeint * c.cache_write_12h)
               + if(c.output = 0, 0, w.output::hugeint * c.output) as picodollars
    from calls c join sources s using (source_no) semi join scope using (call_no)
         join keyed k using (call_no) join wide w using (rate_no)
), flagged as (
    select t.path, t.line, t.call_no, t.tokens, t.picodollars, unnest([
        if(t.estimated, 'estimated', null),
        if(t.ambiguous, 'ambiguous', null),
        if(t.session is null and t.trace is null, 'no_session', null),
        if(t.feature is null, 'no_feature', null),
        if(t.sent_at is null, 'no_time', null),
        if(t.model = '', 'no_model', null),
        if(t.relative, 'relative_clock', if(t.sent_at < timestamp '2015-01-01', 'early', null)),
        if(t.sent_at > t.latest, 'future', null),
        if(t.sent_at < t.before - interval 15 minute, 'out_of_order', null),
        if(t.status = 'incomplete', 'incomplete', null),
        if(t.status = 'error' and t.tokens > 0, 'failed_billed', null),
        if(t.retry_of is not null, if(k.call_id is null, 'retry_unknown', 'retry'), null),
        if(t.status = 'ok' and t.tokens = 0, 'zero_usage', null)
    ]) as finding
    from told t left join (select distinct call_id from calls) k on k.call_id = t.retry_of
), ranked as (
    select finding, path || ':' || line as place, tokens, picodollars,
           row_number() over (partition by finding order by path, line, call_no) as nth
    from flagged where finding is not null
)
select finding, count(*) as calls, sum(tokens)::bigint as tokens,
       sum(picodollars)::varchar as picodollars,
       list(place order by nth) filter (nth <= 3) as places
from ranked
group by finding
order by finding;
