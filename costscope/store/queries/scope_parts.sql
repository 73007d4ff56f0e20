select p.call_no, p.seq, p.segment, p.role, p.kind, p.billing_class, p.rule, p.turn, p.tokens,
       p.content, p.prefix, p.breakpoint
from parts p semi join scope using (call_no)
order by p.call_no, p.seq, p.billing_class, p.nth;
