-- What decides the price of each call of the scope.
select c.call_no, c.provider, c.channel, c.region, c.model, c.tier, c.sent_at,
       c.fresh + c.cache_read + c.cache_write_5m + c.cache_write_30m + c.cache_write_1h
           + c.cache_write_12h as input_tokens, c.units
from calls c semi join scope using (call_no)
order by c.call_no;
