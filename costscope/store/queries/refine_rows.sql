-- The parts of a chunk, with numbers for names (their places in the enums) and counted tokens of the block.
select p.call_no, p.seq, enum_code(p.segment) as segment, enum_code(p.role) as role,
       enum_code(p.kind) as kind, enum_code(p.billing_class) as billing_class,
       enum_code(p.rule) as rule, p.turn, p.tokens, p.content, p.prefix,
       enum_code(p.breakpoint) as breakpoint, p.nth, coalesce(t.counted, 0) as counted
from parts p join refined r using (call_no) left join texts t using (content)
where r.chunk = $chunk
order by p.call_no, p.seq, p.nth, p.billing_class;
