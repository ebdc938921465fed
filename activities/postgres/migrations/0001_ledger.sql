-- The ledger: what was intended, what happened, who may go on. Forward only; the hard rules of workflows/domain stand here again as constraints.
-- Up Migration

-- Who asked, everywhere the same: a name, and what stands behind it.
create domain who as jsonb check (value ?& array['kind', 'name', 'proof', 'channel']);

create table ledger (
  -- One row. Its id stands in every tag, so that two installations on one store tell their keys apart.
  one boolean primary key default true check (one),
  id text not null,
  master_key text
);
insert into ledger (id) values (substr(md5(random()::text || clock_timestamp()::text), 1, 8));

-- What was asked for, each once: a message that starts something is worth nothing a second time.
create table orders (
  id uuid primary key,
  -- Temporal's own id of the workflow's run that came with it: that one may ask again.
  workflow_run text not null,
  at timestamptz not null default clock_timestamp()
);

create table configurations (
  position bigint generated always as identity primary key,
  hash text not null,
  document jsonb not null,
  applied_by who not null,
  applied_at timestamptz not null default clock_timestamp()
);

create table credentials (
  name text primary key,
  store text not null,
  strategy text not null check (strategy in ('overlap', 'in-place')),
  spec jsonb not null,
  labels text[] not null default '{}',
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
create index credentials_due on credentials (next_due) where declared;
create index credentials_labels on credentials using gin (labels);

-- When a rotation is due. Drawn once and kept, so that what `status` shows is what happens. Null: only when asked.
create function due_after(base timestamptz, policy jsonb) returns timestamptz language sql volatile as $$
  select base + ((policy->>'every')::bigint + random() * coalesce((policy->>'jitter')::bigint, 0)) * interval '1 millisecond'
$$;

create table vault_secrets (
  ref uuid primary key,
  master_key text not null,
  wrapped_key bytea not null,
  sealed bytea not null,
  -- What no version refers to was handed in and is still to be taken, for a day.
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
  -- SHA-256 of "rekey:v1:" and the secret, in hexadecimal: by it a leaked value is recognized. The fingerprint is its beginning, in base32.
  digest text check (digest ~ '^[0-9a-f]{64}$'),
  secret_ref uuid references vault_secrets,
  -- For good: such a version is never made active again.
  compromised_at timestamptz,
  incident text,
  made_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  primary key (credential, generation),
  check ((fingerprint is null) = (digest is null))
);
create unique index versions_one_active on versions (credential) where state = 'active';
create unique index versions_one_owner_per_key on versions (account, key_id) where state <> 'revoked';
create index versions_digest on versions (digest);
create index versions_secret on versions (secret_ref) where secret_ref is not null;

-- One that is active when the mark comes stays so until it is replaced; what is forbidden is the way back to it.
create function refuse_compromised() returns trigger language plpgsql as $$
begin
  raise exception 'generation % of % is compromised', new.generation, new.credential
    using errcode = 'check_violation', constraint = 'versions_compromised_never_active';
end $$;
create trigger versions_compromised_never_active before update on versions for each row
  when (new.state = 'active' and old.state <> 'active' and new.compromised_at is not null) execute function refuse_compromised();
create trigger versions_compromised_never_added before insert on versions for each row
  when (new.state = 'active' and new.compromised_at is not null) execute function refuse_compromised();

create table runs (
  -- <credential>#<generation> for a rotation, <credential>/<kind>-<number> for everything else.
  id text primary key,
  credential text not null references credentials,
  kind text not null check (kind in ('rotate', 'update', 'sync', 'contain')),
  number integer not null,
  -- Of a run that makes a version; and the one that was active when it was opened.
  generation integer,
  previous_generation integer,
  strategy text not null check (strategy in ('overlap', 'in-place')),
  trigger text not null check (trigger in ('person', 'schedule', 'incident', 'sweep')),
  incident text,
  -- 1 passes all others, as Temporal has it.
  priority smallint not null default 3 check (priority between 1 and 5),
  -- The fence and the workflow that hold the run now.
  fence bigint not null,
  workflow_run text not null,
  phase text not null,
  direction text not null default 'forward' check (direction in ('forward', 'back')),
  outcome text check (outcome in ('completed', 'compensated', 'refused')),
  reason text,
  options jsonb not null,
  spec jsonb not null,
  -- Declarations of store and hosts at open: what `apply` may not change under the run.
  stands_on jsonb not null,
  -- Null until preflight has seen them; frozen from then on.
  store_identity text,
  host_identities jsonb,
  targets jsonb,
  plan_hash text,
  paused boolean not null default false,
  expedited boolean not null default false,
  exempt jsonb not null default '[]',
  round integer not null default 1,
  cutover_at timestamptz,
  downtime_ms integer,
  -- When it last got on, as it was when the sweep reported that it does not any more.
  stalled_since timestamptz,
  opened_by who not null,
  opened_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  unique (credential, kind, number),
  unique (credential, generation),
  check ((kind = 'rotate') = (generation is not null)),
  check ((outcome is null) = (closed_at is null))
);
create unique index runs_one_open on runs (credential) where outcome is null;

-- What a run stood still for, and how that ended: an answer belongs to the wait that it was given to.
create table waits (
  run text not null references runs,
  number integer not null,
  kind text not null check (
    kind in ('approval', 'pause', 'window', 'settle', 'quiet', 'spread', 'bake', 'answer', 'operator', 'manual')
  ),
  gate text check (gate in ('start', 'take-away')),
  -- The step that it is for, by its key.
  step text,
  -- What an approval is given to: another plan asks anew.
  plan_hash text,
  text text not null,
  person boolean not null,
  next_commands jsonb not null,
  instructions jsonb,
  since timestamptz not null default clock_timestamp(),
  deadline timestamptz,
  ended_at timestamptz,
  -- The verb that ended it, or `over`; and the update that said so.
  ended text,
  ended_by text,
  primary key (run, number),
  check ((kind = 'approval') = (gate is not null)),
  check ((ended is null) = (ended_at is null))
);
create unique index waits_one_open on waits (run, kind, coalesce(step, '')) where ended_at is null;

-- What operators said, committed before it takes effect; whoever takes a run over reads it here.
create table verbs (
  run text not null references runs,
  -- Of the workflow that it was said to: what goes on behind that one finds its effect in the rows.
  fence bigint not null,
  -- Temporal's own: the same one twice is one verb.
  update_id text not null,
  verb text not null,
  wait integer,
  who who not null,
  reason text,
  consumer text,
  -- How that consumer is declared now.
  amended jsonb,
  accepted_at timestamptz not null default clock_timestamp(),
  -- Null while it is still to take effect.
  effect text check (effect in ('applied', 'none')),
  why_none text,
  primary key (run, update_id),
  foreign key (run, wait) references waits (run, number),
  check ((effect is not distinct from 'none') = (why_none is not null))
);

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

-- What was seen, folded: the same thing again is one row, with the first and the last time and how often.
create table observations (
  id bigint generated always as identity primary key,
  run text not null references runs,
  kind text not null check (kind in ('inspection', 'last-used')),
  subject text not null,
  round integer not null default 1,
  seen jsonb not null,
  -- Before the first and the newest of these looks began: what is seen is at least as old.
  first_looked_at timestamptz not null,
  looked_at timestamptz not null,
  first_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  count integer not null default 1
);
create index observations_latest on observations (run, kind, subject, id desc);

-- The attempt that looks at something now: what an attempt before it has seen is not recorded any more.
create table looks (
  run text not null references runs,
  kind text not null,
  subject text not null,
  attempt uuid not null,
  primary key (run, kind, subject)
);

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
  who who not null,
  body jsonb not null,
  previous_hash text not null,
  hash text not null,
  primary key (credential, position)
);

-- One row beside every event, in its transaction: what is still to be told to those who want to be told.
create table outbox (
  id bigint generated always as identity primary key,
  credential text not null,
  position bigint not null,
  foreign key (credential, position) references audit_events
);

-- When the ledger last saw a run get on: what it began and ended, saw, was told, and waits for.
create function last_progress(run_id text) returns timestamptz language sql stable as $$
  select greatest(
    (select opened_at from runs where id = run_id),
    (select max(greatest(began_at, ended_at)) from steps where run = run_id),
    (select max(greatest(begun_at, closed_at)) from intents where run = run_id),
    (select max(greatest(since, ended_at)) from waits where run = run_id),
    (select max(accepted_at) from verbs where run = run_id),
    (select max(last_at) from observations where run = run_id))
$$;

-- An open run that neither gets on, nor asks a person, nor waits for anything that has a deadline. A machine that is slow gets a minute.
create function is_silent(run_id text) returns boolean language sql volatile as $$
  select last_progress(run_id) < clock_timestamp() - interval '1 minute' and not exists (
    select 1 from waits w where w.run = run_id and w.ended_at is null
      and (w.person or w.deadline > clock_timestamp() - interval '1 minute'))
$$;

-- What people look at. The command line only reads.
create function iso(at timestamptz) returns text language sql stable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create view wait_status as
select w.run, w.number, w.kind, w.gate, w.step, w.person, w.deadline, w.ended_at, w.ended,
       jsonb_build_object('number', w.number, 'kind', w.kind, 'gate', w.gate, 'text', w.text, 'person', w.person, 'since', iso(w.since),
         'deadline', iso(w.deadline), 'nextCommands', w.next_commands, 'instructions', w.instructions) as shown
from waits w;

create view run_status as
select r.*, extract(epoch from coalesce(r.closed_at, clock_timestamp()) - r.opened_at) as seconds,
       case when r.outcome is null and r.stalled_since is not null and r.stalled_since = last_progress(r.id)
         then jsonb_build_object('number', null, 'kind', 'stalled', 'text', 'a person to look: it has not got on since ' || iso(r.stalled_since),
           'person', true, 'since', iso(r.stalled_since), 'deadline', null, 'nextCommands', jsonb_build_array('show'))
         else w.shown end as waits_for
from runs r
left join lateral (select shown from wait_status w where w.run = r.id and w.ended_at is null order by w.person desc, w.number desc limit 1) w on true;

create view credential_status as
select c.name, c.store, c.strategy, c.spec, c.labels, c.next_due, c.declared,
       (select v.generation from versions v where v.credential = c.name and v.state = 'active') as generation,
       r.id as run, r.phase, r.outcome, r.waits_for, r.reason, r.paused, r.direction
from credentials c
left join lateral (select * from run_status r where r.credential = c.name order by r.opened_at desc limit 1) r on true;

create view key_status as
select v.credential, v.generation, v.state, v.key_id, v.key_name, v.origin, v.fingerprint, v.compromised_at, v.secret_ref is not null as in_vault,
       v.made_at, v.changed_at
from versions v;

create view step_status as
select s.run, s.key, s.kind, s.phase, s.subject, s.outcome is not null as done, s.outcome, s.began_at, s.ended_at,
       (select count(*) from intents i where i.run = s.run and i.step = s.key) as attempts
from steps s;
