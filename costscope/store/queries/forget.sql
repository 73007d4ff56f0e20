delete from TABLE t using batch_read r
where t.source_no = r.source_no and (t.line > r.line or r.line = 0);
