/** Owns the ledger in PostgreSQL: one method of the port, one transaction. */
import type { CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { JsonObject } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { DatedInspection, Inspection } from '../../workflows/domain/observations.js';
import type { ChainHead, Crossing, OpenRequest, RotationRecord, StepRef, VersionRecord } from '../../workflows/domain/records.js';
import type { Outcome } from '../../workflows/domain/states.js';
import type { LeaseFence } from '../ports/app-host.js';
import type { Ledger } from '../ports/ledger.js';
import { answered, ask, declined, openAsks } from './asked.js';
import { appendAudit } from './audit.js';
import { readDue, readOpen, requireCalledFor, scheduleAfter } from './calendar.js';
import { adopt, readConfiguration, readCredential, saveConfiguration } from './configurations.js';
import { crossed, recordNote, showWait } from './notes.js';
import { once, requireFence, showStep, tagFamily } from './once.js';
import type { Database, Queryable } from './pool.js';
import { reconcile } from './reconcile.js';
import { type RotationRow, toRotation, toVersion, type VersionRow } from './rows.js';
import { readLastUpdate } from './updates.js';

export async function openLedger(database: Database): Promise<Ledger> {
  const { rows } = await database.query<{ id: string }>('select id from ledger');
  const id = rows[0]!.id;
  const read = async (rotation: string): Promise<RotationRecord> => {
    const found = await database.query<RotationRow>('select * from rotations where id = $1', [rotation]);
    // Only a run of it asks, so it was there.
    if (!found.rows[0]) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know ${rotation}`);
    return toRotation(found.rows[0]);
  };

  return {
    id,
    open: (request) => database.transaction((client) => open(client, request)),
    reconcile: (remembered) => database.transaction((client) => reconcile(client, remembered)),
    rotation: read,
    versions: (credential) => readVersions(database, credential),
    once: (step, options, body) => once(database, id, step, options, body),

    isAsked: async (step) => (await openAsks(database, step.rotation)).some(({ key }) => key === step.key),
    ask: (step, before) => ask(database, id, step, before),
    answered: (step, attempt, result, changes) => answered(database, step, attempt, result, changes),
    declined: (step) => declined(database, step),
    openAsks: (rotation) => openAsks(database, rotation),

    enter: (step, wait) =>
      database.transaction(async (client) => {
        await requireFence(client, step);
        await (wait ? showWait(client, step, wait) : showStep(client, step));
      }),

    recordInspections: (step, inspections) =>
      database.transaction(async (client) => {
        await requireFence(client, step);
        for (const seen of inspections) {
          await client.query(`insert into observations (rotation, kind, subject, seen) values ($1, 'inspection', $2, $3)`, [
            step.rotation,
            seen.consumer,
            seen,
          ]);
        }
      }),

    inspections: async (rotation) => {
      const found = await database.query<{ seen: Inspection; age: string }>(
        `select distinct on (subject) seen, extract(epoch from clock_timestamp() - seen_at) * 1000 as age
         from observations where rotation = $1 and kind = 'inspection' order by subject, id desc`,
        [rotation],
      );
      return found.rows.map((row): DatedInspection => ({ ...row.seen, ageMs: Number(row.age) }));
    },

    recordReading: (step, round, value) =>
      database.transaction(async (client) => {
        await requireFence(client, step);
        await client.query(
          `insert into observations (rotation, kind, subject, round, seen) values ($1, 'last-used', $2, $3, $4)`,
          [step.rotation, step.credential, round, JSON.stringify({ value })],
        );
        const { rows: readings } = await client.query(
          `select seen->>'value' as value, extract(epoch from seen_at) * 1000 as at from observations where rotation = $1 and kind = 'last-used' and round = $2 order by id`,
          [step.rotation, round],
        );
        const now = await client.query('select extract(epoch from clock_timestamp()) * 1000 as now');
        return {
          readings: (readings as { value: string | null; at: string }[]).map((r) => ({ value: r.value, at: Number(r.at) })),
          now: Number((now.rows[0] as { now: string }).now),
        };
      }),

    tagFamily: (rotation) => tagFamily(id, rotation),

    tags: async (rotation, kind) =>
      (
        await database.query<{ tag: string }>(
          `select tag from intents where rotation = $1 and kind = $2 and closed is distinct from 'not-sent'`,
          [rotation, kind],
        )
      ).rows.map((r) => r.tag),

    seenBefore: async (rotation, kind) => {
      const found = await database.query<{ before: JsonObject }>(
        'select before from intents where rotation = $1 and kind = $2 and before is not null order by begun_at desc limit 1',
        [rotation, kind],
      );
      return found.rows[0]?.before ?? null;
    },
    mayHaveSent: async (rotation, kind) =>
      (
        await database.query(
          `select 1 from intents where rotation = $1 and kind = $2 and closed is distinct from 'not-sent' limit 1`,
          [rotation, kind],
        )
      ).rowCount === 1,
    deliveredTo: (rotation) => subjects(database, rotation, 'distribute'),
    undeployed: (rotation) => subjects(database, rotation, 'undeploy'),

    lastUpdate: (credential) => readLastUpdate(database, credential),
    unsettled: async (rotation, kinds, subject) => {
      const found = await database.query<{ left: string | null }>(
        `select greatest(extract(epoch from max(settle_at) - clock_timestamp()) * 1000, 0) as left from intents
         where isfinite(settle_at) and rotation = $1 and kind = any($2) and ($3::text is null or subject = $3) and (closed is null or closed = 'superseded')`,
        [rotation, kinds, subject],
      );
      return Math.ceil(Number(found.rows[0]?.left ?? 0));
    },

    lease: (step, program) => database.transaction((client) => lease(client, id, step, program)),
    raiseLease: async (program, given, held) =>
      (await database.query('update leases set fence = $3 where program = $1 and fence = $2', [program, given, held]))
        .rowCount === 1,
    releaseLease: async (program, rotation) =>
      void (await database.query('update leases set rotation = null where program = $1 and rotation = $2', [program, rotation])),
    releaseLeases: async (rotation) =>
      void (await database.query('update leases set rotation = null where rotation = $1', [rotation])),

    note: (step, note) => database.transaction((client) => recordNote(client, step, note)),
    close: (step, outcome, reason, downtimeMs) =>
      database.transaction((client) => close(client, step, outcome, reason, downtimeMs)),

    due: () => readDue(database),
    openRotations: () => readOpen(database),

    saveConfiguration: (configuration, hash, by) =>
      database.transaction((client) => saveConfiguration(client, configuration, hash, by)),
    configurationHash: async () =>
      (await database.query<{ hash: string }>('select hash from configurations order by position desc limit 1')).rows[0]?.hash ??
      null,
    configuration: () => readConfiguration(database),
    credential: (name) => readCredential(database, name),
    adopt: (credential, version, by) => database.transaction((client) => adopt(client, credential, version, by)),
  };
}

/** The consumers that an intent names, whatever became of it; only one that was certainly not sent is left out. */
async function subjects(database: Database, rotation: string, kind: string): Promise<readonly string[]> {
  const { rows } = await database.query<{ subject: string }>(
    `select distinct subject from intents where rotation = $1 and kind = $2 and subject is not null and closed is distinct from 'not-sent' order by subject`,
    [rotation, kind],
  );
  return rows.map((row) => row.subject);
}

async function readVersions(database: Database, credential: string): Promise<readonly VersionRecord[]> {
  const { rows } = await database.query<VersionRow>(
    'select *, extract(epoch from clock_timestamp() - made_at) * 1000 as age, extract(epoch from clock_timestamp() - changed_at) * 1000 as changed from versions where credential = $1 order by generation',
    [credential],
  );
  return rows.map(toVersion);
}

async function open(
  client: Queryable,
  request: OpenRequest,
): Promise<{ rotation: RotationRecord; head: ChainHead; crossing: Crossing | null }> {
  const credential = (
    await client.query('select * from credentials where name = $1 and declared for update', [request.credential])
  ).rows[0] as { spec: CredentialDeclaration; fence: string; generation_taken: number } | undefined;
  if (!credential) throw new RekeyError('KR_NOT_FOUND', `credential ${request.credential}`);
  const existing = (await client.query('select * from rotations where credential = $1 and outcome is null', [request.credential]))
    .rows[0] as RotationRow | undefined;

  if (existing) {
    if (canonicalJson(existing.options as never) !== canonicalJson(request.options as never))
      throw new RekeyError('KR_ALREADY_OPEN', `${existing.id} is open with other options`);
    // The same run asks again when its first answer was lost; another run takes over and makes the old one's writes void.
    const fence = existing.run_id === request.runId ? Number(existing.fence) : Number(credential.fence) + 1;
    await client.query('update rotations set fence = $2, run_id = $3 where id = $1', [existing.id, fence, request.runId]);
    await client.query('update credentials set fence = $2 where name = $1', [request.credential, fence]);
    const head = await appendAudit(client, request.credential, {
      kind: 'take-over',
      actor: request.by,
      body: { rotation: existing.id, fence },
    });
    return { rotation: toRotation({ ...existing, fence: String(fence) }), head, crossing: await crossed(client, existing.id) };
  }

  await requireCalledFor(client, request.credential, request.onlyIf);
  const { configuration } = await readConfiguration(client).then(
    (found) => found ?? Promise.reject(new RekeyError('KR_NOT_FOUND', 'no configuration was applied')),
  );
  const spec = credential.spec;
  const hosts =
    spec.consumers.kind === 'list'
      ? [...new Set(spec.consumers.list.map((c) => c.host))]
      : spec.consumers.kind === 'all'
        ? [spec.consumers.host]
        : [];
  const stores = {
    store: configuration.stores[spec.store],
    hosts: Object.fromEntries(hosts.map((host) => [host, configuration.hosts[host]])),
  };
  const fence = Number(credential.fence) + 1;
  const generation = credential.generation_taken + 1;
  const id = `${request.credential}#${generation}`;
  const active = (
    await client.query(`select generation from versions where credential = $1 and state = 'active'`, [request.credential])
  ).rows[0] as { generation: number } | undefined;
  await client.query('update credentials set fence = $2, generation_taken = $3 where name = $1', [
    request.credential,
    fence,
    generation,
  ]);
  const { rows } = await client.query(
    `insert into rotations (id, credential, generation, previous_generation, strategy, fence, run_id, phase, options, spec, stores, exempt, opened_by)
     values ($1,$2,$3,$4,$5,$6,$7,'planned',$8,$9,$10,$11,$12) returning *`,
    [
      id,
      request.credential,
      generation,
      active?.generation ?? null,
      request.options.update ? 'update' : spec.strategy,
      fence,
      request.runId,
      request.options,
      spec,
      stores,
      JSON.stringify(request.options.without),
      request.by,
    ],
  );
  const head = await appendAudit(client, request.credential, {
    kind: 'open',
    actor: request.by,
    body: { rotation: id, generation, fence, options: request.options as never },
  });
  return { rotation: toRotation(rows[0] as RotationRow), head, crossing: null };
}

async function lease(client: Queryable, ledgerId: string, step: StepRef, program: string): Promise<LeaseFence> {
  await requireFence(client, step);
  await client.query('insert into leases (program, fence) values ($1, 0) on conflict do nothing', [program]);
  const { rows } = await client.query(
    `update leases l set fence = l.fence + 1, rotation = $2, taken_at = clock_timestamp()
     where l.program = $1 and (l.rotation is null or l.rotation = $2 or exists (select 1 from rotations r where r.id = l.rotation and r.outcome is not null)) returning fence`,
    [program, step.rotation],
  );
  if (rows[0]) return { ledgerId, number: Number((rows[0] as { fence: string }).fence) };
  const holder = (await client.query('select rotation from leases where program = $1', [program])).rows[0] as {
    rotation: string;
  };
  throw new RekeyError('KR_LEASE_HELD', `${program} is held by ${holder.rotation}`, 500);
}

async function close(
  client: Queryable,
  step: StepRef,
  outcome: Outcome,
  reason: string | null,
  downtimeMs: number | null,
): Promise<ChainHead> {
  await requireFence(client, step);
  const { rows } = await client.query(
    `update rotations set outcome = $2, reason = coalesce($3, reason), phase = 'closing', downtime_ms = $4, waits_for = null, closed_at = clock_timestamp() where id = $1 and outcome is null returning strategy`,
    [step.rotation, outcome, reason, downtimeMs],
  );
  const closed = rows[0] as Pick<RotationRow, 'strategy'> | undefined;
  if (closed) {
    await client.query('update leases set rotation = null where rotation = $1', [step.rotation]);
    await scheduleAfter(client, step.credential, closed.strategy, outcome);
  }
  return appendAudit(client, step.credential, {
    kind: 'close',
    actor: step.rotation,
    body: { rotation: step.rotation, outcome, reason, downtimeMs },
  });
}
