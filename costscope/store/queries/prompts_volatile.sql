-- Stretches of system messages that no other conversation of the feature has, by their place: which block of
-- the system message, and which span of it (-1: a block that is not told apart). `position`: tokens before it
-- in the prompt; `after`: those behind it, which differ from what any other conversation sent, too.
with told as (
    select c.call_no, coalesce(c.feature, '') as feature,
           coalesce(c.session, c.trace, 'call ' || c.call_no) as conversation
    from calls c semi join scope using (call_no)
), prompt as (
    select p.call_no, p.seq, any_value(p.role) as role, any_value(p.kind) as kind,
           any_value(p.content) as content, sum(p.tokens) as tokens,
           sum(sum(p.tokens)) over (partition by p.call_no order by p.seq) as upto,
           sum(sum(p.tokens)) over (partition by p.call_no) as whole
    from parts p semi join scope using (call_no)
    where p.billing_class <> 'output'
    group by p.call_no, p.seq
), blocks as (
    select t.feature, t.conversation, p.*,
           row_number() over (partition by p.call_no order by p.seq) as block
    from prompt p join told t using (call_no)
    where p.role = 'system' and p.kind = 'text' and p.content <> 0
), features as (
    select feature, count(distinct call_no) as calls, count(distinct conversation) as conversations
    from blocks group by feature having count(distinct conversation) >= $enough
), texts as (
    select distinct feature, conversation, content from blocks
), rare_texts as (
    select feature, content from texts group by feature, content having count(*) = 1
), counted as (
    select content, nth, span, tokens, sum(tokens) over (partition by content order by nth) as upto,
           sum(tokens) over (partition by content) as whole
    from spans where content in (select content from rare_texts)
), rare_spans as (
    select t.feature, s.span
    from texts t join spans s using (content)
    group by t.feature, s.span having count(distinct t.conversation) = 1
), units as (
    select b.feature, b.call_no, b.conversation, b.block, s.nth,
           b.upto - b.tokens + (s.upto - s.tokens) * b.tokens // greatest(s.whole, 1) as position,
           s.tokens * b.tokens // greatest(s.whole, 1) as tokens, b.whole
    from blocks b join rare_texts r using (feature, content) join counted s using (content)
         join rare_spans x on x.feature = b.feature and x.span = s.span
    union all
    select b.feature, b.call_no, b.conversation, b.block, -1, b.upto - b.tokens, b.tokens, b.whole
    from blocks b join rare_texts r using (feature, content)
    where b.content not in (select content from counted)
), runs as (
    select *, nth - row_number() over (partition by call_no, block order by nth) as run from units
), stretches as (
    select feature, conversation, call_no, block, min(nth) as nth, max(nth) as last,
           min(position) as position, sum(tokens) as tokens, any_value(whole) as whole
    from runs group by feature, conversation, call_no, block, run
)
select s.feature, s.block, s.nth, max(s.last) as last, count(*) as calls,
       count(distinct s.conversation) as conversations,
       any_value(f.calls) as of_calls, any_value(f.conversations) as of_conversations,
       sum(s.position)::bigint as position, sum(s.tokens)::bigint as tokens,
       sum(s.whole - s.position - s.tokens)::bigint as after
from stretches s join features f using (feature)
group by s.feature, s.block, s.nth
order by s.feature, s.block, s.nth;
