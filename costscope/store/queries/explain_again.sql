-- Whether a place holds a record that told of a call again.
select count(*) as records
from duplicates d join sources s using (source_no)
where d.line = $line and (s.path = $path or ends_with(replace(s.path, '\', '/'), '/' || $path));
