-- How much text there is in all, in tokens, and all of its hashes where that is little.
with amount as (select coalesce(sum(counted), 0) as tokens from texts)
select t.content from texts t, amount where amount.tokens <= $most
