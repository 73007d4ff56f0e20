-- The calls of a chunk; billed prompt tokens by class, in the order of model.INPUT_CLASSES.
select call_no, grp, key, touched, reasoning, cache_read, cache_write_1h, cache_write_12h, cache_write_5m,
       cache_write_30m, fresh
from refined where chunk = $chunk order by call_no;
