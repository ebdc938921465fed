-- The ledger: what was intended, what happened, who may go on. Forward only; the hard rules of workflows/domain stand here again as constraints.
-- Up Migration

create table ledger (
  -- One row. Its id stands in every tag, so that two installations on one store tell their keys apart.
  one boolean primary key default true check (one),
  id text not null,
  master_key text
);
insert into ledger (id) values (substr(md5(random()::text || clock_timestamp()::text), 1, 8));

create table configurations (
  position bigint generated always as identity primary key,
  hash text not null,
  document jsonb not null,
  applied_by text not null,
  applied_at timestamptz not null default clock_timestamp()
);

create table credentials (
  name text primary key,
  store text not null,
  strategy text not null check (strategy in ('overlap', 'in-place')),
  spec jsonb not null,
  declared boolean not null default true,
  -- Taken at open and never given back: gaps are normal.
  generation_taken integer not null default 0,
  -- Raised by every open; a writer that carries a lower one has been overtaken.
  fence bigint not null default 0,
  next_due timestamptz,
  -- Head of the audit chain, so that appending needs one row lock and no search.
  audit_position bigint not null default 0,
  audit_hash text not null default repeat('0', 64)
);

create table vault_secrets (
  ref uuid primary key,
  master_key text not null,
  wrapped_key bytea not null,
  sealed bytea not null,
  kept_at timestamptz not null default clock_timestamp()
);

create table versions (
  credential text not null references credentials,
  generation integer not null,
  state text not null check (state in ('prepared', 'active', 'retiring', 'disabled', 'revoked')),
  account text not null,
  key_id text not null,
  key_name text,
  origin text not null check (origin in ('minted', 'adopted', 'regenerated')),
  fingerprint text,
  secret_ref uuid references vault_secrets,
  compromised boolean not null default false,
  made_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  primary key (credential, generation)
);
create unique index versions_one_active on versions (credential) where state = 'active';
create unique index versions_one_owner_per_key on versions (account, key_id) where state <> 'revoked';

create table runs (
  id text primary key,
  credential text not null references credentials,
  generation integer not null,
  previous_generation integer,
  strategy text not null check (strategy in ('overlap', 'in-place')),
  -- The fence and the workflow run that hold the run now.
  fence bigint not null,
  workflow_run text not null,
  phase text not null,
  direction text not null default 'forward' check (direction in ('forward', 'back')),
  outcome text check (outcome in ('completed', 'compensated', 'refused')),
  reason text,
  options jsonb not null,
  spec jsonb not null,
  stores jsonb not null,
  -- Null until preflight has found every consumer; frozen from then on.
  targets jsonb,
  plan_hash text,
  paused boolean not null default false,
  expedited boolean not null default false,
  exempt jsonb not null default '[]',
  round integer not null default 1,
  cutover_at timestamptz,
  waits_for jsonb,
  downtime_ms integer,
  opened_by text not null,
  opened_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  unique (credential, generation),
  check ((outcome is null) = (closed_at is null))
);
create unique index runs_one_open on runs (credential) where outcome is null;

create table steps (
  run text not null references runs,
  key text not null,
  kind text not null,
  phase text not null,
  subject text,
  attempt uuid not null,
  outcome jsonb,
  began_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  primary key (run, key)
);

create table intents (
  attempt uuid primary key,
  run text not null,
  step text not null,
  kind text not null,
  subject text,
  fence bigint not null,
  tag text not null unique,
  -- What was seen just before, to compare with after an unclear answer.
  before jsonb,
  begun_at timestamptz not null default clock_timestamp(),
  settle_at timestamptz not null,
  closed text check (closed in ('applied', 'not-sent', 'superseded')),
  closed_at timestamptz,
  foreign key (run, step) references steps (run, key)
);
create index intents_of_run on intents (run, kind);

create table observations (
  id bigint generated always as identity primary key,
  run text not null references runs,
  kind text not null,
  subject text not null,
  round integer not null default 1,
  seen jsonb not null,
  seen_at timestamptz not null default clock_timestamp()
);
create index observations_latest on observations (run, kind, subject, id desc);

create table leases (
  consumer text primary key,
  -- Rises with every taking, also by the same holder: hosts that remember it refuse the late writer.
  fence bigint not null,
  run text references runs,
  taken_at timestamptz not null default clock_timestamp()
);

create table audit_events (
  credential text not null references credentials,
  position bigint not null,
  at timestamptz not null,
  kind text not null,
  actor text not null,
  body jsonb not null,
  previous_hash text not null,
  hash text not null,
  primary key (credential, position)
);

-- What people look at. The command line reads these views and nothing else.
create view credential_status as
select c.name, c.store, c.strategy, c.spec, c.next_due, c.declared,
       (select v.generation from versions v where v.credential = c.name and v.state = 'active') as generation,
       r.id as run, r.phase, r.outcome, r.waits_for, r.reason, r.paused, r.direction
from credentials c
left join lateral (select * from runs r where r.credential = c.name order by r.generation desc limit 1) r on true;

create view key_status as
select v.credential, v.generation, v.state, v.key_id, v.key_name, v.origin, v.fingerprint, v.compromised, v.secret_ref is not null as in_vault, v.made_at, v.changed_at
from versions v;

create view run_status as
select r.*, extract(epoch from coalesce(r.closed_at, clock_timestamp()) - r.opened_at) as seconds from runs r;

create view step_status as
select s.run, s.key, s.kind, s.phase, s.subject, s.outcome is not null as done, s.outcome, s.began_at, s.ended_at,
       (select count(*) from intents i where i.run = s.run and i.step = s.key) as attempts
from steps s;
