delete from parts where call_no in (select call_no from batch_parts);

insert into parts by name select * from batch_parts;
