insert into texts
select content, min(counted) from batch_texts
where content not in (select content from texts)
group by content;

insert into spans
select distinct content, nth, span, tokens, opens, asks from batch_spans
where content not in (select content from spans);
