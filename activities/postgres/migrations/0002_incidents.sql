-- Incidents: which keys have leaked, what is done about each of them, and what came of it.
-- Up Migration

-- Incidents and their keys.

create table incidents (
  -- incident-<number>
  id text primary key,
  number integer not null unique,
  way text not null check (way in ('rotate', 'contain')),
  reason text not null,
  -- The moment at which leaked keys die, whoever has not confirmed by then.
  revoke_by timestamptz,
  -- How the keys were chosen, in the words of whoever chose them; never a value.
  selection jsonb not null,
  -- What a report held besides: counts.
  found jsonb not null,
  plan_hash text not null,
  state text not null default 'open' check (state in ('open', 'paused', 'stopped', 'closed')),
  opened_by who not null,
  opened_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  check (state <> 'closed' or closed_at is not null)
);
create index incidents_open on incidents (number) where state in ('open', 'paused');

create table incident_items (
  incident text not null references incidents,
  credential text not null,
  generation integer not null,
  -- The order in which they are begun.
  position integer not null,
  leaked_at timestamptz,
  reported_at timestamptz,
  -- When everybody was on another key; when every endpoint was seen to refuse this one.
  replaced_at timestamptz,
  dead_at timestamptz,
  -- Consumers that had not confirmed when the key died at the moment that was set.
  late jsonb not null default '[]',
  -- Null while something is still to come of it.
  outcome text check (outcome in ('done', 'failed', 'already-dead')),
  reason text,
  -- The run that answered for it; no foreign key, since runs are locked first.
  run text,
  primary key (incident, credential, generation),
  foreign key (credential, generation) references versions
);
create index incident_items_open on incident_items (incident, position) where outcome is null;
create index incident_items_of on incident_items (credential, generation);

-- What people look at.

create view incident_item_status as
select t.*, v.state, r.id as open_run, r.waits_for,
       extract(epoch from t.dead_at - i.opened_at) * 1000 as revoked_ms
from incident_items t
join incidents i on i.id = t.incident
join versions v on v.credential = t.credential and v.generation = t.generation
left join run_status r on r.credential = t.credential and r.outcome is null and t.outcome is null;

create view incident_status as
select i.*, c.selected, c.done, c.failed, c.already_dead, c.waiting
from incidents i
left join lateral (
  select count(*)::int as selected, (count(*) filter (where outcome = 'done'))::int as done,
         (count(*) filter (where outcome = 'failed'))::int as failed,
         (count(*) filter (where outcome = 'already-dead'))::int as already_dead,
         (count(*) filter (where (waits_for->>'person')::boolean))::int as waiting
  from incident_item_status s where s.incident = i.id) c on true;

-- Of a run that an incident has begun or hurried: the incident, its way, and the moment that it sets.
alter table runs add column urgency jsonb;

-- A run whose key has leaked ends where it stands, and another one follows.
alter table runs drop constraint runs_outcome_check;
alter table runs add constraint runs_outcome_check check (outcome in ('completed', 'compensated', 'refused', 'superseded'));

-- How leaked values are recognized among all versions that the ledger ever knew.

-- What a report of leaked values is compared with, so that it need not be kept in clear: `handle` of the type Secret, of a key id.
-- Where the id is the secret the ledger keeps nothing else. An id of a few characters (SOAR counts its keys) could be any number: null.
create function key_id_handle(key_id text) returns text language sql immutable parallel safe as $$
  select case when key_id ~ '^[0-9a-f]{64}$' then key_id
              when length(key_id) >= 8 then encode(sha256(convert_to('rekey:id:v1:' || key_id, 'UTF8')), 'hex') end
$$;
-- Kept, so that no question has to hash every id that there ever was.
alter table versions add column key_id_handle text generated always as (key_id_handle(key_id)) stored;
create index versions_key_id_handle on versions (key_id_handle);

-- Every version, the dead ones too, by what it can be recognized by. Without a digest its secret was never seen. In place a key keeps its id:
-- it speaks of the newest version alone.
create view known_keys as
select v.credential, v.generation, c.store, v.state, v.digest, v.key_id, v.key_id_handle,
       exists (select 1 from versions l where l.credential = v.credential and l.generation > v.generation
         and l.account = v.account and l.key_id = v.key_id) as id_goes_on
from versions v join credentials c on c.name = v.credential;
