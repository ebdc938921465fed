/**
 * Owns what happens when the ledger was set back: a replica without the last commits was promoted,
 * or a backup was restored under open rotations.
 */
import { RekeyError } from '../../workflows/domain/errors.js';
import type { ChainHead, Remembered, RunRecord } from '../../workflows/domain/records.js';
import { system, triggerOf } from '../../workflows/domain/who.js';
import { hashOfPlan } from '../ports/plan-hash.js';
import { appendAudit } from './audit.js';
import type { Queryable } from './pool.js';
import { type RunRow, toRun } from './rows.js';

/**
 * The credential's own row is older than any rotation of it: without it nothing is known of what
 * the keys are for. The run was there when its plan was amended, and remembers it.
 */
export async function reconcile(
  client: Queryable,
  { run, fence, head, targets, identities, back, workflowRun }: Remembered,
): Promise<{ run: RunRecord; head: ChainHead }> {
  const { rows } = await client.query('select fence from credentials where name = $1 for no key update', [run.credential]);
  const credential = rows[0] as { fence: string } | undefined;
  if (!credential) throw new RekeyError('KR_NOT_FOUND', `credential ${run.credential}`);
  // Above both: what was sent under either is void.
  const next = Math.max(Number(credential.fence), fence) + 1;
  await client.query(
    `insert into runs (id, credential, kind, number, generation, previous_generation, strategy, trigger, fence, workflow_run, phase, options, spec,
       stands_on, exempt, opened_by, incident, urgency)
     values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,'planned',$11,$12,$13,$14,$15,$16,$17) on conflict (id) do nothing`,
    [
      run.id,
      run.credential,
      run.kind,
      run.number,
      run.generation,
      run.previousGeneration,
      run.strategy,
      triggerOf(run.openedBy),
      next,
      workflowRun,
      run.options,
      run.spec,
      run.standsOn,
      JSON.stringify(run.exempt),
      run.openedBy,
      run.urgency?.incident ?? null,
      run.urgency,
    ],
  );
  const updated = await client.query(
    `update runs set fence = $2, workflow_run = $3, targets = coalesce($4, targets), spec = $8, plan_hash = coalesce($9, plan_hash), reason = coalesce(reason, $5),
       store_identity = coalesce(store_identity, $6), host_identities = coalesce(host_identities, $7),
       direction = case when $5::text is null then direction else 'back' end
     where id = $1 and outcome is null returning *`,
    [
      run.id,
      next,
      workflowRun,
      targets === null ? null : JSON.stringify(targets),
      back,
      identities?.store ?? null,
      identities?.hosts ?? null,
      run.spec,
      targets && hashOfPlan(run.spec, targets, run.options),
    ],
  );
  const row = updated.rows[0] as RunRow | undefined;
  if (!row) throw new RekeyError('KR_FENCED', `${run.id} has ended`);
  await client.query('update credentials set fence = $2, generation_taken = greatest(generation_taken, $3) where name = $1', [
    run.credential,
    next,
    run.generation ?? 0,
  ]);
  const now = await appendAudit(client, run.credential, {
    kind: 'ledger-behind',
    who: system(run.id),
    body: { run: run.id, fence: next, lost: { position: head.position, hash: head.hash } },
  });
  return { run: toRun(row), head: now };
}
