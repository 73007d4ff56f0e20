-- Records that could not be read, by reason, the most frequent first; over the whole store.
select k.reason, sum(k.records)::bigint as records, sum(sum(k.records)) over ()::bigint as total,
       min(s.path || ':' || k.line) as place
from skips k join sources s using (source_no)
group by k.reason
order by records desc, k.reason
limit 10;
