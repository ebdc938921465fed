/** Owns what the product's own guards say at the vendor and the hosts of a world. */
import { deliveryOf, type ObservationDeps } from '../../../activities/deps.js';
import type { Attempt } from '../../../activities/ports/journal.js';
import { mayContain } from '../../../workflows/domain/contain.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { evidenceFor } from '../../../workflows/domain/incident.js';
import type { Leave } from '../../../workflows/domain/leave.js';
import type { DatedInspection } from '../../../workflows/domain/observations.js';
import type { StepRef } from '../../../workflows/domain/records.js';
import { mayRevoke } from '../../../workflows/domain/revoke.js';
import type { World } from './world.js';

/** What the effects that take or give lie behind, besides their guards. */
export function leaveOf(kind: string, due: boolean): Leave | undefined {
  if (kind === 'mint') return { gate: 'start' };
  if (kind === 'undeploy') return { gate: 'start', together: true };
  return ['disable', 'revoke', 'contain'].includes(kind) ? { gate: 'take-away', due } : undefined;
}

/** Throws where the version is not to be handed out any more, or its secret is not there. */
export async function requireDelivery(world: World, step: StepRef, consumer: string, generation: number): Promise<void> {
  const vault = { open: async () => ({}) };
  const deps = { ledger: world.ledger, vault } as unknown as ObservationDeps;
  await deliveryOf(deps, step, world.consumers.find(({ name }) => name === consumer)!, generation);
}

/** Every program shows which version it is on, and so does its source. */
export async function requireMayTakeAway(world: World, attempt: Attempt, target: number, survivor: number, due: boolean) {
  const { ledger, outside, required } = world;
  const { direction, spec, urgency } = ledger.row;
  const delivered = direction === 'back' ? await ledger.deliveredTo() : required;
  const inspections = required.map((consumer): DatedInspection => {
    const source = outside.uses[consumer]!;
    const seen = { instances: [{ id: consumer, generation: source, evidence: 'uses' }], source, showsSource: true } as const;
    return { ...seen, consumer, state: 'running', healthy: true, authenticationFailed: false, detail: '', ageMs: 0 };
  });
  const decision = mayRevoke(
    {
      isManagementKey: false,
      target,
      survivor,
      keysInStore: outside.keysWith(target),
      minimumKeys: 1,
      survivorProvedNow: outside.keys.get(survivor) === 'live',
      required: required.filter((name) => delivered.includes(name)),
      inspections,
      inUse: null,
    },
    { evidence: evidenceFor(urgency, spec.policy.evidence), accept: [], due },
  );
  if (decision.ok) return;
  attempt.markUnsent('and-before');
  const code = decision.reason === 'consumers-behind' ? 'KR_CONSUMER_BEHIND' : 'KR_GUARD_REFUSED';
  throw new RekeyError(code, decision.message);
}

export function requireMayContain(
  { ledger, outside }: World,
  attempt: Attempt,
  target: number,
  kill: 'disable' | 'revoke',
): void {
  const isCompromised = ledger.versionOf(target)!.compromised;
  const facts = { isCompromised, isManagementKey: false, sameAccount: true, kill, minimumKeys: 1 };
  const decision = mayContain({ ...facts, keysInStore: outside.keysWith(target) });
  if (decision.ok) return;
  attempt.markUnsent('this');
  throw new RekeyError('KR_GUARD_REFUSED', decision.message);
}
