/** Owns the rows of incidents: opened, read by whoever carries them on, settled. */
import { createHash } from 'node:crypto';
import { RekeyError } from '../../workflows/domain/errors.js';
import {
  type HaltRequest,
  type IncidentAtHand,
  type IncidentState,
  type ItemFacts,
  incidentId,
  type LeakedKey,
  type OpenIncidentRequest,
  type Settled,
  type Urgency,
  type VersionToEnd,
} from '../../workflows/domain/incident.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import { system } from '../../workflows/domain/who.js';
import { appendAudit } from './audit.js';
import { lockCredential } from './locks.js';
import { consumeOrder } from './orders.js';
import type { Asking, Queryable } from './pool.js';
import { voidVerbs } from './verbs.js';
import { endAllWaits } from './waits.js';

/**
 * The incident, its keys, and their mark, which is for good; what is told goes out with it. All
 * credentials are locked first, in the order of their names.
 */
export async function openIncident(client: Queryable, request: OpenIncidentRequest): Promise<{ incident: string }> {
  await consumeOrder(client, request);
  const { number, plan, by } = request;
  const incident = incidentId(number);
  const planHash = createHash('sha256')
    .update(canonicalJson([request.id, plan] as never))
    .digest('hex')
    .slice(0, 16);
  const { rows } = await client.query('select plan_hash from incidents where number = $1', [number]);
  const known = rows[0] as { plan_hash: string } | undefined;
  if (known?.plan_hash === planHash) return { incident };
  if (known) throw new RekeyError('KR_ALREADY_OPEN', `${incident} is another one`);

  const names = [...new Set(plan.keys.map(({ credential }) => credential))].sort();
  await client.query('select 1 from credentials where name = any($1) order by name for no key update', [names]);
  await client.query(
    `insert into incidents (id, number, way, reason, revoke_by, selection, found, plan_hash, opened_by)
     values ($1,$2,$3,$4,clock_timestamp() + $5 * interval '1 millisecond',$6,$7,$8,$9)`,
    [incident, number, plan.way, plan.reason, plan.revokeWithin, JSON.stringify(plan.selection), plan.found, planHash, by],
  );
  await markCompromised(client, incident, plan.keys);
  await client.query(
    `insert into incident_items (incident, credential, generation, position, leaked_at, reported_at)
     select $1, k.credential, k.generation, k.at, k.leaked::timestamptz, coalesce(k.reported::timestamptz, clock_timestamp())
     from unnest($2::text[], $3::int[], $4::text[], $5::text[]) with ordinality k (credential, generation, leaked, reported, at)`,
    [incident, ...columnsOf(plan.keys), plan.keys.map(({ leakedAt }) => leakedAt), plan.keys.map(({ reportedAt }) => reportedAt)],
  );
  for (const credential of names) {
    const generations = plan.keys.filter((key) => key.credential === credential).map(({ generation }) => generation);
    const body = { incident, generations, way: plan.way, reason: plan.reason };
    await appendAudit(client, credential, { kind: 'compromised', who: by, body });
  }
  return { incident };
}

/** Throws KR_NOT_FOUND where a key is none that the ledger knows. */
async function markCompromised(client: Queryable, incident: string, keys: readonly LeakedKey[]): Promise<void> {
  const { rowCount } = await client.query(
    `update versions v set compromised_at = coalesce(v.compromised_at, clock_timestamp()), incident = coalesce(v.incident, $1)
     from unnest($2::text[], $3::int[]) k (credential, generation)
     where v.credential = k.credential and v.generation = k.generation`,
    [incident, ...columnsOf(keys)],
  );
  if (rowCount !== keys.length) throw new RekeyError('KR_NOT_FOUND', 'one of the keys is none that the ledger knows');
}

function columnsOf(keys: readonly LeakedKey[]): [readonly string[], readonly number[]] {
  return [keys.map(({ credential }) => credential), keys.map(({ generation }) => generation)];
}

/** What it asks of a run of the credential. Throws KR_NOT_CALLED_FOR where that is nothing. */
export async function readUrgency(client: Queryable, incident: string, credential: string): Promise<Urgency> {
  const { rows } = await client.query(
    `select i.id as incident, i.way, iso(i.revoke_by) as "revokeBy" from incidents i where i.id = $1 and i.state = 'open'
       and exists (select 1 from incident_items t where t.incident = i.id and t.credential = $2 and t.outcome is null)`,
    [incident, credential],
  );
  const urgency = rows[0] as Urgency | undefined;
  if (!urgency) throw new RekeyError('KR_NOT_CALLED_FOR', `${incident} asks nothing of ${credential} any more`);
  return urgency;
}

/**
 * The open run of the credential answers for the incident from now on: what it waited for is over,
 * and nothing that was said before holds it up. Whoever takes it over finds so.
 */
export async function tellRun(client: Queryable, incident: string, credential: string): Promise<void> {
  await lockCredential(client, credential);
  const { rows } = await client.query(`select id from runs where credential = $1 and outcome is null for no key update`, [
    credential,
  ]);
  const run = rows[0] as { id: string } | undefined;
  if (!run) return;
  const urgency = await readUrgency(client, incident, credential);
  await client.query('update runs set urgency = $2, incident = $3, priority = 1, paused = false where id = $1', [
    run.id,
    urgency,
    incident,
  ]);
  await endAllWaits(client, run.id);
  await voidVerbs(client, run.id, 'its key has leaked');
  await appendAudit(client, credential, { kind: 'hurry', who: system(incident), body: { run: run.id, way: urgency.way } });
}

export async function readOpenIncidents(database: Asking): Promise<readonly number[]> {
  const { rows } = await database.query<{ number: number }>(
    `select number from incidents where state in ('open', 'paused') order by number`,
  );
  return rows.map(({ number }) => number);
}

export async function readRound(
  database: Asking,
  incident: string,
): Promise<{ incident: IncidentAtHand | null; items: readonly ItemFacts[] }> {
  const { rows: found } = await database.query<IncidentAtHand>(
    `select id as incident, way, state = 'paused' as paused from incidents where id = $1 and state in ('open', 'paused')`,
    [incident],
  );
  const { rows: items } = await database.query<ItemFacts>(
    `select t.credential, t.generation, c.store, c.strategy, c.declared, v.state = 'revoked' as "isDead",
       exists (select 1 from versions n where n.credential = t.credential and n.state = 'active' and n.compromised_at is null) as "isReplaced",
       (select jsonb_build_object('id', r.id, 'isUpdate', r.kind = 'update', 'urgency', (select r.urgency from incidents x where x.id = r.incident and x.state in ('open', 'paused')), 'options', r.options, 'makesLeaked',
          exists (select 1 from versions n where n.credential = r.credential and n.generation = r.generation and n.compromised_at is not null),
          'waitsForPerson',
          exists (select 1 from waits w where w.run = r.id and w.ended_at is null and w.person))
        from runs r where r.credential = t.credential and r.outcome is null) as open,
       (select jsonb_build_object('id', r.id, 'outcome', r.outcome, 'reason', r.reason)
        from runs r where r.credential = t.credential and r.incident = t.incident and r.outcome is not null
        order by r.opened_at desc limit 1) as ended
     from incident_items t join credentials c on c.name = t.credential
       join versions v on v.credential = t.credential and v.generation = t.generation
     where t.incident = $1 and t.outcome is null order by t.position`,
    [incident],
  );
  return { incident: found[0] ?? null, items };
}

export async function readToEnd(database: Asking, run: string): Promise<readonly VersionToEnd[]> {
  const { rows } = await database.query<VersionToEnd>(
    `select v.generation, v.state, v.compromised_at is not null as leaked, bool_or(coalesce(t.dead_at is not null, false)) as dead
     from runs r join versions v on v.credential = r.credential
       left join incident_items t on t.credential = v.credential and t.generation = v.generation
     where r.id = $1 group by v.credential, v.generation, r.incident
     having v.state <> 'revoked' or bool_or(t.incident = r.incident) order by v.generation`,
    [run],
  );
  return rows;
}

/** The row is held until the intent is committed: none is committed behind a stop. */
export async function isHalted(client: Queryable, incident: string): Promise<boolean> {
  const { rows } = await client.query(`select state <> 'open' as halted from incidents where id = $1 for share`, [incident]);
  return (rows[0] as { halted: boolean } | undefined)?.halted ?? false;
}

export async function readState(database: Asking, incident: string): Promise<IncidentState> {
  const { rows } = await database.query<{ state: IncidentState }>('select state from incidents where id = $1', [incident]);
  return rows[0]?.state ?? 'stopped';
}

/**
 * Throws KR_VERB_ILLEGAL where it has come to its end. What is so already stands: a workflow task
 * that was lost with its worker says it again. Its time is read behind the lock, and so behind
 * whatever was begun before it.
 */
export async function haltIncident(client: Queryable, { incident, to, by, reason }: HaltRequest): Promise<void> {
  const { rows } = await client.query(
    `select name from credentials where name in (select credential from incident_items where incident = $1 and outcome is null)
     order by name for no key update`,
    [incident],
  );
  const found = await client.query('select state from incidents where id = $1 for update', [incident]);
  if ((found.rows[0] as { state: IncidentState } | undefined)?.state === to) return;
  const { rowCount } = await client.query(
    `update incidents set state = $2, closed_at = case when $2 = 'stopped' then clock_timestamp() end
     where id = $1 and state in ('open', 'paused')`,
    [incident, to],
  );
  if (rowCount !== 1) throw new RekeyError('KR_VERB_ILLEGAL', `${incident} is over`);
  for (const { name } of rows as { name: string }[])
    await appendAudit(client, name, { kind: 'incident', who: by, body: { incident, state: to, reason } });
}

export async function settleRound(client: Queryable, incident: string, settled: readonly Settled[]): Promise<void> {
  await client.query('select 1 from incidents where id = $1 for update', [incident]);
  for (const { credential, generation, outcome, reason, run } of settled)
    await client.query(
      `update incident_items set outcome = $4, reason = $5, run = coalesce($6, run)
       where incident = $1 and credential = $2 and generation = $3 and outcome is null`,
      [incident, credential, generation, outcome, reason, run],
    );
  await client.query(
    `update incidents i set state = 'closed', closed_at = clock_timestamp() where i.id = $1 and i.state in ('open', 'paused')
       and not exists (select 1 from incident_items t where t.incident = i.id and t.outcome is null)`,
    [incident],
  );
}

/** Of the keys of the run's incident that are of its credential. */
export async function markReplaced(client: Queryable, { run, credential }: { run: string; credential: string }): Promise<void> {
  await client.query(
    `update incident_items t set replaced_at = coalesce(t.replaced_at, clock_timestamp()), run = $1
     from runs r where r.id = $1 and t.incident = r.incident and t.credential = $2`,
    [run, credential],
  );
}

export async function markDead(client: Queryable, credential: string, generation: number): Promise<void> {
  await client.query(
    `update incident_items set dead_at = coalesce(dead_at, clock_timestamp()) where credential = $1 and generation = $2`,
    [credential, generation],
  );
}

export async function markLate(
  client: Queryable,
  credential: string,
  { generation, consumers }: { generation: number; consumers: readonly string[] },
): Promise<void> {
  await client.query('update incident_items set late = $3 where credential = $1 and generation = $2', [
    credential,
    generation,
    JSON.stringify(consumers),
  ]);
}

/** Throws KR_COMPROMISED where this very secret has leaked before: it comes back under no name. */
export async function requireUnleaked(client: Queryable, digest: string | null): Promise<void> {
  const { rows } = await client.query(
    'select credential, generation from versions where digest = $1 and compromised_at is not null limit 1',
    [digest],
  );
  const leaked = rows[0] as { credential: string; generation: number } | undefined;
  if (leaked)
    throw new RekeyError('KR_COMPROMISED', `it is generation ${leaked.generation} of ${leaked.credential}, which has leaked`);
}
