-- Records of a batch that tell of a call again. A file that is read anew meets its own calls of last time:
-- those are no duplicates.
insert into duplicates
select b.source_no, b.line + b.first_line
from batch_calls b anti join chosen using (call)
where not exists (
    from calls k
    where k.identity = b.identity and k.source_no = b.source_no and k.call_no < $first_new
);
