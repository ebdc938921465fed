-- A change of a key that leaves its secret alone is a row among the rotations: one at a time with them, under the same fence.
-- Up Migration

alter table rotations drop constraint rotations_strategy_check;
alter table rotations add constraint rotations_strategy_check check (strategy in ('overlap', 'in-place', 'update'));
