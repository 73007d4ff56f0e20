-- The call of the scope with its file, and how that was read.
select c.* exclude (identity), s.path, s.reader
from calls c join sources s using (source_no) semi join scope using (call_no);
