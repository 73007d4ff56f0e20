-- Of each call of the scope: the turn that it is in, its conversation, and what its first system text is known
-- by. That is a mark of what the text has in common with those of other conversations of the feature: its
-- spans that occur in a hundredth of them and in two at least, or in a fifth where what was learned tells
-- template from the rest: names of users recur, too. A text of which nothing recurs has no mark.
with told as (
    select scope.*, coalesce(c.feature, '') as of_feature,
           coalesce(c.session, c.trace, 'call ' || c.call_no) as conversation,
           coalesce(c.session, c.trace) is not null as spoken
    from calls c join scope using (call_no)
), turns as (
    select p.call_no, max(p.turn) as turn from parts p semi join scope using (call_no) group by p.call_no
), firsts as (
    select p.call_no, arg_min(struct_pack(content := p.content, learned := p.rule = 'learned'),
                              (p.role <> 'system', p.seq, p.nth)) as head
    from parts p semi join scope using (call_no)
    where p.segment = 'system' and p.content <> 0
    group by p.call_no
), used as (
    select distinct t.of_feature, t.conversation, f.head.content as content, f.head.learned as learned
    from firsts f join told t using (call_no)
), features as (
    select of_feature, count(distinct conversation) as conversations from used group by of_feature
), common as (
    select u.of_feature, s.span, count(distinct u.conversation) as conversations
    from used u join spans s using (content)
    group by u.of_feature, s.span
), judged as (
    select u.of_feature, u.content, s.nth, s.span,
           f.conversations < 2 or k.conversations >= greatest(2, f.conversations / if(u.learned, 5, 100))
               as keep
    from (select distinct of_feature, content, learned from used) u
         join spans s using (content) join features f using (of_feature)
         join common k on k.of_feature = u.of_feature and k.span = s.span
), marks as (
    select of_feature, content, bool_and(keep) as whole, bool_or(keep) as some,
           md5(string_agg(span::varchar, ',' order by nth) filter (keep)) as mark
    from judged
    group by of_feature, content
)
select t.* exclude (of_feature), turns.turn,
       case when f.head is null or not m.some then null
            when coalesce(m.whole, true) then left(lpad(lower(hex(f.head.content)), 16, '0'), 8)
            else left(m.mark, 8) end as mark,
       f.head is not null as headed
from told t left join turns using (call_no) left join firsts f using (call_no)
     left join marks m on m.of_feature = t.of_feature and m.content = f.head.content
order by t.call_no;
