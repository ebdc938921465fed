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
