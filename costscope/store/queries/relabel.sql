-- Parts of a feature's texts as the rows of `batch_lessons` say: feature, role, content, nth, segment and
-- rule of each stretch of a text, which lies from `lower` to `upper` of its `whole` tokens. What a stretch
-- is billed is its share of the block's tokens; the rows of a block add up to what they were.
create or replace temp table relabelled as
with stretches as (
    select * replace (role::role as role) from batch_lessons
),
billed as (
    select p.call_no, p.seq, p.role, p.kind, p.billing_class, p.turn, p.content, p.prefix,
           p.breakpoint, c.feature, sum(p.tokens) as tokens
    from parts p join calls c using (call_no)
         semi join stretches s on s.role = p.role and s.content = p.content
    where p.kind = 'text' and p.segment in ('query', 'system', 'context')
      and (p.rule = 'learned' or p.rule = if(p.role = 'user', 'turn', 'structure'))
    group by all
),
placed as (
    select *, sum(tokens) over upto - tokens as lower, sum(tokens) over upto as upper,
           sum(tokens) over (
               partition by call_no, seq order by billing_class
               rows between unbounded preceding and unbounded following) as whole
    from billed
    window upto as (partition by call_no, seq order by billing_class)
),
cut as (
    select b.* exclude (feature, tokens, lower, upper, whole), s.segment, s.rule, s.nth,
           least(b.upper, s.upper * b.whole // greatest(s.whole, 1))
               - greatest(b.lower, s.lower * b.whole // greatest(s.whole, 1)) as tokens,
           b.whole = 0 and s.nth = 0 as blank
    from placed b join stretches s
      on s.role = b.role and s.content = b.content and s.feature is not distinct from b.feature
)
select * exclude (tokens, blank), greatest(tokens, 0) as tokens from cut where tokens > 0 or blank;

delete from parts where (call_no, seq) in (select (call_no, seq) from relabelled)
    and role in ('user', 'system') and kind = 'text';

insert into parts by name
select call_no, seq, segment::segment as segment, role, kind, billing_class, rule::rule as rule, turn,
       tokens::bigint as tokens, content, prefix, breakpoint, nth::smallint as nth
from relabelled;

drop table relabelled;
