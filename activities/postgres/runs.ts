/** Owns the rows of rotations and versions: opened or taken over, read, closed. */
import type { CredentialDeclaration } from '../../workflows/domain/configuration.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { ChainHead, Crossing, OpenRequest, RunRecord, StepRef, VersionRecord } from '../../workflows/domain/records.js';
import type { Outcome } from '../../workflows/domain/states.js';
import { appendAudit } from './audit.js';
import { requireCalledFor, scheduleAfter } from './calendar.js';
import { readConfiguration } from './configurations.js';
import { readCrossing } from './notes.js';
import { requireFence } from './once.js';
import type { Asking, Queryable } from './pool.js';
import { type RunRow, toRun, toVersion, type VersionRow } from './rows.js';

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

export async function openRun(
  client: Queryable,
  request: OpenRequest,
): Promise<{ run: RunRecord; head: ChainHead; crossing: Crossing | null }> {
  const credential = (
    await client.query('select * from credentials where name = $1 and declared for update', [request.credential])
  ).rows[0] as { spec: CredentialDeclaration; fence: string; generation_taken: number } | undefined;
  if (!credential) throw new RekeyError('KR_NOT_FOUND', `credential ${request.credential}`);
  const existing = (await client.query('select * from runs where credential = $1 and outcome is null', [request.credential]))
    .rows[0] as RunRow | undefined;

  if (existing) {
    if (canonicalJson(existing.options as never) !== canonicalJson(request.options as never))
      throw new RekeyError('KR_ALREADY_OPEN', `${existing.id} is open with other options`);
    // The same run asks again when its first answer was lost; another run takes over and makes the
    // old one's writes void.
    const fence = existing.workflow_run === request.runId ? Number(existing.fence) : Number(credential.fence) + 1;
    await client.query('update runs set fence = $2, workflow_run = $3 where id = $1', [existing.id, fence, request.runId]);
    await client.query('update credentials set fence = $2 where name = $1', [request.credential, fence]);
    const head = await appendAudit(client, request.credential, {
      kind: 'take-over',
      actor: request.by,
      body: { run: existing.id, fence },
    });
    return {
      run: toRun({ ...existing, fence: String(fence) }),
      head,
      crossing: await readCrossing(client, existing.id),
    };
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
    `insert into runs (id, credential, generation, previous_generation, strategy, fence, workflow_run, phase, options, spec, stores, exempt, opened_by)
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
    body: { run: id, generation, fence, options: request.options as never },
  });
  return { run: toRun(rows[0] as RunRow), head, crossing: null };
}

export async function closeRun(
  client: Queryable,
  step: StepRef,
  outcome: Outcome,
  reason: string | null,
  downtimeMs: number | null,
): Promise<ChainHead> {
  await requireFence(client, step);
  const { rows } = await client.query(
    `update runs set outcome = $2, reason = coalesce($3, reason), phase = 'closing', downtime_ms = $4, waits_for = null, closed_at = clock_timestamp() where id = $1 and outcome is null returning strategy`,
    [step.run, outcome, reason, downtimeMs],
  );
  const closed = rows[0] as Pick<RunRow, 'strategy'> | undefined;
  if (closed) {
    await client.query('update leases set run = null where run = $1', [step.run]);
    await scheduleAfter(client, step.credential, closed.strategy, outcome);
  }
  return appendAudit(client, step.credential, {
    kind: 'close',
    actor: step.run,
    body: { run: step.run, outcome, reason, downtimeMs },
  });
}
