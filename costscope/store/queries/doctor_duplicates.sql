-- Records that told of a call again, by file; over the whole store.
select s.path || ':' || min(d.line) as place, count(*) as records, sum(count(*)) over ()::bigint as total
from duplicates d join sources s using (source_no)
group by s.path
order by records desc, s.path
limit 3;
