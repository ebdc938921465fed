/** Owns the correction of a consumer under an open run: another plan, which nobody has approved. */
import type { ConsumerSpec } from '../../workflows/domain/credential.js';
import { mayAmend, withConsumer } from '../../workflows/domain/verbs.js';
import { hashOfPlan } from '../ports/plan-hash.js';
import { readSubjects } from './intents.js';
import type { Queryable } from './pool.js';
import type { RunRow } from './rows.js';

/** Why it has no effect; null where it has one. The run's row is locked. */
export async function amendConsumer(client: Queryable, run: string, amended: ConsumerSpec): Promise<string | null> {
  const { rows } = await client.query('select spec, targets, options from runs where id = $1', [run]);
  const { spec, targets, options } = rows[0] as Pick<RunRow, 'spec' | 'targets' | 'options'>;
  const touched = [...(await readSubjects(client, run, 'distribute')), ...(await readSubjects(client, run, 'undeploy'))];
  const was = targets?.find((t) => t.name === amended.name) ?? null;
  const decision = mayAmend({ was, touched: touched.includes(amended.name) }, amended);
  if (!decision.ok) return decision.message;
  const next = withConsumer({ spec, targets: targets! }, amended);
  await client.query('update runs set spec = $2, targets = $3, plan_hash = $4 where id = $1', [
    run,
    next.spec,
    JSON.stringify(next.targets),
    hashOfPlan(next.spec, next.targets, options),
  ]);
  return null;
}
