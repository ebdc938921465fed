/** Owns the rows of rotations and versions: opened or taken over, read, closed. */
import type { CredentialDeclaration, StandsOn } from '../../workflows/domain/configuration.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { ChainHead, Opened, OpenRequest, RunRecord, StepRef, VersionRecord } from '../../workflows/domain/records.js';
import { standsOnOf } from '../../workflows/domain/stands-on.js';
import type { Outcome } from '../../workflows/domain/states.js';
import { system, triggerOf } from '../../workflows/domain/who.js';
import { appendAudit, recordedBy } from './audit.js';
import { requireCalledFor, scheduleAfter } from './calendar.js';
import { readConfiguration } from './configurations.js';
import { readCrossing } from './crossing.js';
import { readUrgency } from './incidents.js';
import { releaseLeases } from './leases.js';
import { lockCredential } from './locks.js';
import { requireFence } from './once.js';
import { consumeOrder } from './orders.js';
import type { Asking, Queryable } from './pool.js';
import { type RunRow, toRun, toVersion, type VersionRow } from './rows.js';
import { isBound } from './turn-back.js';
import { readSaid, readTurnBack, voidAnswers, voidVerbs } from './verbs.js';
import { endAllWaits, endPassing } from './waits.js';

export async function readRun(database: Asking, id: string): Promise<RunRecord> {
  const found = await database.query<RunRow>('select * from runs where id = $1', [id]);
  // Only a run of it asks, so it was there.
  if (!found.rows[0]) throw new RekeyError('KR_LEDGER_BEHIND', `the ledger does not know ${id}`);
  return toRun(found.rows[0]);
}

export async function readVersions(database: Asking, credential: string): Promise<readonly VersionRecord[]> {
  const { rows } = await database.query<VersionRow>(
    'select *, extract(epoch from clock_timestamp() - made_at) * 1000 as age, extract(epoch from clock_timestamp() - changed_at) * 1000 as changed from versions where credential = $1 order by generation',
    [credential],
  );
  return rows.map(toVersion);
}

/** Under the lock of the credential, so that two never open one at once. */
export async function openRun(client: Queryable, request: OpenRequest): Promise<Opened> {
  await consumeOrder(client, request);
  const credential = (
    await client.query('select * from credentials where name = $1 and declared for no key update', [request.credential])
  ).rows[0] as CredentialRow | undefined;
  if (!credential) throw new RekeyError('KR_NOT_FOUND', `credential ${request.credential}`);
  const open = (await client.query('select * from runs where credential = $1 and outcome is null', [request.credential]))
    .rows[0] as RunRow | undefined;
  if (request.onlyIf === 'held' && open?.workflow_run !== request.workflowRun)
    throw new RekeyError('KR_FENCED', `the run of ${request.credential} is held by another workflow, or has ended`);
  return open ? takeOver(client, open, credential, request) : begin(client, credential, request);
}

interface CredentialRow {
  readonly spec: CredentialDeclaration;
  readonly fence: string;
  readonly generation_taken: number;
}

async function takeOver(client: Queryable, open: RunRow, credential: CredentialRow, request: OpenRequest): Promise<Opened> {
  if (canonicalJson(open.options as never) !== canonicalJson(request.options as never))
    throw new RekeyError('KR_ALREADY_OPEN', `${open.id} is open with other options`);
  // The same workflow asks again when its first answer was lost; another one takes over and makes
  // the old one's writes void.
  const same = open.workflow_run === request.workflowRun;
  const fence = same ? Number(open.fence) : Number(credential.fence) + 1;
  await client.query('update runs set fence = $2, workflow_run = $3 where id = $1', [open.id, fence, request.workflowRun]);
  await client.query('update credentials set fence = $2 where name = $1', [request.credential, fence]);
  if (!same) {
    // What it stood still for, it comes to again or not at all; an operator's answers stand.
    await endPassing(client, open.id);
    await voidAnswers(client, open.id);
  }
  const head = await appendAudit(client, request.credential, {
    kind: 'take-over',
    who: request.by,
    body: { run: open.id, fence },
  });
  return {
    run: toRun({ ...open, fence: String(fence) }),
    head,
    crossing: await readCrossing(client, open.id),
    bound: await isBound(client, open.id),
    turnBack: await readTurnBack(client, open.id),
    said: await readSaid(client, open.id),
  };
}

async function begin(client: Queryable, { spec, fence, generation_taken }: CredentialRow, request: OpenRequest): Promise<Opened> {
  const { credential, options, by, workflowRun } = request;
  await requireCalledFor(client, credential, request.onlyIf);
  const urgency = options.incident ? await readUrgency(client, options.incident, credential) : null;
  const place = options.update ? await nextUpdate(client, credential) : rotation(credential, generation_taken + 1);
  await client.query(
    'update credentials set fence = fence + 1, generation_taken = greatest(generation_taken, $2) where name = $1',
    [credential, place.generation ?? 0],
  );
  const { rows } = await client.query(
    `insert into runs (id, credential, kind, number, generation, previous_generation, strategy, trigger, fence, workflow_run, phase,
       options, spec, stands_on, exempt, opened_by, incident, urgency, priority)
     values ($1,$2,$3,$4,$5,(select generation from versions where credential = $2 and (state = 'active' or $15::text is not null)
       order by state = 'active' desc, state <> 'revoked' desc, generation desc limit 1),$6,$7,$8,$9,'planned',
       $10,$11,$12,$13,$14,$15,$16,case when $15::text is null then 3 else 1 end) returning *`,
    [
      place.id,
      credential,
      place.kind,
      place.number,
      place.generation,
      spec.strategy,
      options.incident ? 'incident' : triggerOf(by),
      Number(fence) + 1,
      workflowRun,
      options,
      spec,
      await readStandsOn(client, spec),
      JSON.stringify(options.without),
      by,
      options.incident ?? null,
      urgency,
    ],
  );
  const head = await appendAudit(client, credential, {
    kind: 'open',
    who: by,
    body: { run: place.id, fence: Number(fence) + 1, options: options as never },
  });
  const bound = urgency !== null && (await isBound(client, place.id));
  return { run: toRun(rows[0] as RunRow), head, crossing: null, bound, turnBack: null, said: [] };
}

type Place = Pick<RunRecord, 'id' | 'kind' | 'number' | 'generation'>;

function rotation(credential: string, generation: number): Place {
  return { id: `${credential}#${generation}`, kind: 'rotate', number: generation, generation };
}

/** A change makes no version, and so it takes no generation. */
async function nextUpdate(client: Queryable, credential: string): Promise<Place> {
  const { rows } = await client.query(
    `select coalesce(max(number), 0) + 1 as number from runs where credential = $1 and kind = 'update'`,
    [credential],
  );
  const { number } = rows[0] as { number: number };
  return { id: `${credential}/update-${number}`, kind: 'update', number, generation: null };
}

/** As it is declared now. */
async function readStandsOn(client: Queryable, spec: CredentialDeclaration): Promise<StandsOn> {
  const found = await readConfiguration(client);
  const standsOn = found && standsOnOf(found.configuration, spec);
  if (!standsOn) throw new RekeyError('KR_NOT_FOUND', `the store and hosts of ${spec.name} in the applied configuration`);
  return standsOn;
}

export async function beginRound(client: Queryable, step: StepRef, round: number, reason: string): Promise<ChainHead> {
  await lockCredential(client, step.credential);
  await requireFence(client, step);
  await client.query('update runs set round = $2, cutover_at = null where id = $1', [step.run, round]);
  return appendAudit(client, step.credential, { kind: 'round', who: recordedBy(step), body: { run: step.run, round, reason } });
}

/** It needs no fence: to tell something changes nothing. */
export async function reportStopped(client: Queryable, credential: string, what: string): Promise<void> {
  const { rows } = await client.query('select id from runs where credential = $1 and outcome is null', [credential]);
  const open = rows[0] as { id: string } | undefined;
  if (open) await appendAudit(client, credential, { kind: 'interference', who: system(open.id), body: { run: open.id, what } });
}

export async function closeRun(
  client: Queryable,
  step: StepRef,
  outcome: Outcome,
  reason: string | null,
  downtimeMs: number | null,
): Promise<ChainHead> {
  await lockCredential(client, step.credential);
  await requireFence(client, step);
  const { rows } = await client.query(
    `update runs set outcome = $2, reason = coalesce($3, reason), phase = 'closing', downtime_ms = $4, closed_at = clock_timestamp() where id = $1 and outcome is null returning kind`,
    [step.run, outcome, reason, downtimeMs],
  );
  const closed = rows[0] as Pick<RunRow, 'kind'> | undefined;
  if (closed) {
    await scheduleAfter(client, step.credential, closed.kind, outcome);
    await endAllWaits(client, step.run);
    await voidVerbs(client, step.run, 'the run ended first');
    await releaseLeases(client, step.run);
  }
  return appendAudit(client, step.credential, {
    kind: 'close',
    who: recordedBy(step),
    body: { run: step.run, outcome, reason, downtimeMs },
  });
}
