/**
 * Owns the moments at which tests interfere with a rotation: one of its requests is on the way, and
 * takes its time.
 */

import { executeUpdate } from '../../client/messages.js';
import { rotationWorkflowId, type VerbReceipt, verbUpdates } from '../../workflows/contract.js';
import type { Verb } from '../../workflows/domain/verbs.js';
import { strangersOf } from './converged.js';
import type { Lane } from './lane.js';
import type { SandboxCredential } from './programs.js';
import { tester } from './who.js';

export interface Moment {
  readonly phase: string;
  /** A request of this phase, which is made to last. */
  readonly slow: { readonly vendor: string; readonly method: string; readonly path: string };
  /** It is going back already: aborted in this phase. */
  readonly aborted?: string;
}

const newKey = { vendor: 'datadog', method: 'POST', path: '^/api/v2/api_keys$' };
const oldKey = { vendor: 'datadog', method: 'DELETE', path: '^/api/v2/api_keys/' };

export const overlapMoments: readonly Moment[] = [
  { phase: 'preparing', slow: { vendor: 'host', method: 'GET', path: '/reporter/status' } },
  { phase: 'preparing', slow: newKey },
  { phase: 'distributing', slow: { vendor: 'host', method: 'POST', path: '/web-2/restart' } },
  { phase: 'draining', slow: { vendor: 'datadog', method: 'GET', path: '^/api/v2/api_keys/' } },
  { phase: 'retiring', slow: oldKey },
  { phase: 'compensating', slow: { vendor: 'host', method: 'POST', path: '/web-1/restart' }, aborted: 'distributing' },
  { phase: 'compensating', slow: oldKey, aborted: 'distributing' },
];

export const inPlaceMoments: readonly Moment[] = [
  { phase: 'undeploying', slow: { vendor: 'soar', method: 'POST', path: '/undeploy' } },
  { phase: 'regenerating', slow: { vendor: 'soar', method: 'PUT', path: '/apikeys/17' } },
  { phase: 'updating', slow: { vendor: 'soar', method: 'PUT', path: '/secrets/' } },
  { phase: 'updating', slow: { vendor: 'soar', method: 'GET', path: '/rest/session' } },
  { phase: 'deploying', slow: { vendor: 'soar', method: 'POST', path: '/apps/102/deploy' } },
  { phase: 'compensating', slow: { vendor: 'soar', method: 'POST', path: '/apps/101/deploy' }, aborted: 'undeploying' },
];

/** For `it.each`. */
export const named = (moments: readonly Moment[]) =>
  moments.map((m) => [`${m.phase}, ${m.slow.method} ${m.slow.path}`, m] as const);

export const isIn = (lane: Lane, credential: string, phase: string) =>
  lane.until(`${credential} to be ${phase}`, async () => (await lane.rotation(credential))?.phase === phase);

/** Says a verb as an operator does, without having looked at the phase. */
export async function say(lane: Lane, credential: string, verb: Verb, consumer: string | null = null): Promise<VerbReceipt> {
  const run = (await lane.rotation(credential))!.id;
  const said = { run, by: tester, expectedPhase: null, wait: null, reason: 'a test', consumer };
  return executeUpdate(lane.client.workflow.getHandle(rotationWorkflowId(credential)), verbUpdates[verb], said);
}

/** Brings a fresh rotation to the moment. Answers with the keys that belong to nobody here. */
export async function reach(
  lane: Lane,
  credential: SandboxCredential,
  { phase, slow, aborted }: Moment,
  delayMs = 1200,
): Promise<readonly string[]> {
  await lane.fresh([credential]);
  const strangers = await strangersOf(lane);
  await lane.rotate(credential);
  if (aborted) {
    await isIn(lane, credential, aborted);
    if (aborted === 'distributing')
      await lane.until(
        'a hand-out',
        async () =>
          (await lane.database.query(`select 1 from intents where kind = 'distribute' and closed = 'applied'`)).rowCount,
      );
    await say(lane, credential, 'abort');
  }
  if (phase === 'draining') await isIn(lane, credential, phase);
  const fault = { ...slow, when: 'before', action: 'delay', delayMs, times: 1 };
  const { id } = await lane.ask<{ id: string }>('POST', '/faults', fault);
  await lane.until('the slow request', async () =>
    (await lane.ask<{ id: string; hits: number }[]>('GET', '/faults')).some((f) => String(f.id) === String(id) && f.hits > 0),
  );
  await isIn(lane, credential, phase);
  return strangers;
}
