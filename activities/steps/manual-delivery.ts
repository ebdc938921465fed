/**
 * Owns the two halves of a hand-out that a person carries out: asking for that person's word, and
 * taking it. Runs on the queue of the host.
 */
import { evidenceRanks } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import type { Recorded } from '../../workflows/domain/records.js';
import { isConverged } from '../../workflows/domain/revoke.js';
import {
  consumerContextOf,
  deliveryOf,
  type EffectDeps,
  effectAtHost,
  knownVersions,
  type ObservationDeps,
  within,
} from '../deps.js';
import type { ConsumerInput, DistributeInput } from './consumers.js';
import type { NotTaken } from './take-provided.js';

export interface AskForAttestationInput extends DistributeInput {
  readonly staged: boolean;
  readonly overdue: boolean;
}

/**
 * Observes: whether it was said already. Writes: what a person is to do, for everyone who looks.
 */
export async function askForAttestation(
  deps: ObservationDeps,
  { step, consumer: name, generation, staged, overdue }: AskForAttestationInput,
  signal: AbortSignal,
): Promise<{ readonly said: boolean }> {
  const { run, consumer, host } = await consumerContextOf(deps, step, name, signal);
  const { evidence, approveWithin } = run.spec.policy;
  const known = await knownVersions(deps, step.credential);
  const seen = await host.inspect(consumer, known, within(signal, host.capabilities.timing.request));
  if (isConverged(seen, generation, evidence)) {
    // Whoever was asked before is asked no more.
    await deps.ledger.enter(step);
    return { said: true };
  }
  const nextCommands = [
    `Then: rekey provide '${run.id}' --done, with --fingerprint F where it shows one.`,
    `If it cannot be done: rekey reject '${run.id}'.`,
  ].join(' ');
  await deps.ledger.openWait(step, {
    kind: 'manual',
    step: step.key,
    text: `a person to ${staged ? `put generation ${generation} into` : `say which key is in`} ${name}${overdue ? '; overdue' : ''}`,
    person: true,
    deadline: new Date(Date.now() + approveWithin).toISOString(),
    nextCommands: ['provide', 'reject'],
    instructions: [...host.manual!.instructions(consumer, generation, staged), nextCommands],
  });
  return { said: false };
}

export interface AttestationInput extends DistributeInput {
  readonly fingerprint: string | null;
  /** A key that was handed in, although none was asked for. */
  readonly secretRef: string | null;
}

/**
 * Writes: the word, beside the consumer's source and as the outcome of the step; or nothing, and
 * why.
 */
export async function recordAttestation(
  deps: EffectDeps,
  { step, consumer: name, generation, fingerprint, secretRef }: AttestationInput,
): Promise<Recorded<Record<string, never>> | NotTaken> {
  if (secretRef !== null) {
    await deps.vault.discard(secretRef);
    return { refused: 'no key was asked for: say --done' };
  }
  const { run, consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const versions = await deps.ledger.versions(step.credential);
  const other = versions.find((v) => v.fingerprint === fingerprint && v.generation !== generation);
  if (fingerprint !== null && other)
    return { refused: `this is the fingerprint of generation ${other.generation}, not of ${generation}` };
  // A word alone is `rolled-out`: taken all the same, it would prove nothing to whoever confirms.
  if (fingerprint === null && evidenceRanks.indexOf('rolled-out') < evidenceRanks.indexOf(run.spec.policy.evidence))
    return {
      refused: `policy.evidence is ${run.spec.policy.evidence}: say the fingerprint that ${name} shows, with --fingerprint`,
    };
  const delivery = await deliveryOf(deps, step, consumer, generation);
  try {
    return await once(step, { deadline: request * 2, settle, waitForSettle: false }, async (attempt, effects) => {
      attempt.beforeSending();
      const refused = await effects.manual!.take(delivery, fingerprint, within(attempt.signal, request));
      if (refused === null) return {};
      attempt.markUnsent('this');
      throw new RekeyError('KR_PROVIDED_REFUSED', refused);
    });
  } catch (error) {
    if (error instanceof RekeyError && error.code === 'KR_PROVIDED_REFUSED') return { refused: error.detail };
    throw error;
  }
}

export interface WithdrawInput extends ConsumerInput {
  /** The key of the step that a person was asked for. */
  readonly asked: string;
}

/** Writes: the key that lies ready for a person goes, and that person is asked no more. */
export async function withdrawStaged(
  deps: EffectDeps,
  { step, consumer: name, asked }: WithdrawInput,
): Promise<Recorded<Record<string, never>>> {
  const { consumer, host, once } = await effectAtHost(deps, step, name);
  const { request, settle } = host.capabilities.timing;
  const withdrawn = await once(step, { deadline: request, settle, waitForSettle: false }, async (attempt, effects) => {
    attempt.beforeSending();
    await effects.manual!.withdraw(consumer, attempt.signal);
    return {};
  });
  await deps.ledger.enter({ ...step, key: asked });
  return withdrawn;
}
