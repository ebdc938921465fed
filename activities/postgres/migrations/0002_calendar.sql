-- When a rotation is due. Drawn once and kept, so that what `status` shows is what happens.
-- Up Migration

-- Null: only when asked.
create function due_after(base timestamptz, policy jsonb) returns timestamptz language sql volatile as $$
  select base + ((policy->>'every')::bigint + random() * coalesce((policy->>'jitter')::bigint, 0)) * interval '1 millisecond'
$$;

create index credentials_due on credentials (next_due) where declared;
