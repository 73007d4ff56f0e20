-- Tokens of the scope by group, segment, class and rate: small, whatever the log's size.
select scope.* exclude (call_no), k.rate_no, p.segment, p.billing_class,
       sum(p.tokens)::bigint as tokens
from parts p join scope using (call_no) join keyed k using (call_no)
group by all
order by all;
