insert into parts
select $base + p.call, p.seq, p.segment, p.role, p.kind, p.billing_class, p.rule, p.turn, p.tokens,
       p.content, p.prefix, p.breakpoint, 0
from batch_parts p semi join chosen using (call);
