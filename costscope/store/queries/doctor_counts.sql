-- How much there is, whatever the scope.
select (select count(*) from sources) as files, (select count(*) from calls) as calls,
       (select coalesce(sum(records), 0)::bigint from skips) as skipped,
       (select count(*) from duplicates) as duplicates;
