-- The chunks that refine_plan.sql made.
select distinct chunk from refined order by chunk;
