/**
 * Owns the first half of an effect that a person carries out: asking for it, with exact
 * instructions.
 */
import type { JsonObject } from '../../workflows/domain/credential.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { Leave } from '../../workflows/domain/leave.js';
import type { ManualEffect } from '../../workflows/domain/manual.js';
import type { RunRecord, VersionRecord } from '../../workflows/domain/records.js';
import { type AskingDeps, contextOf, type EffectDeps, type StepContext, type StepInput, stopwatch } from '../deps.js';
import type { ManualFacts } from '../ports/connector.js';
import type { Asked } from '../ports/journal.js';
import { type Grant, requireMayTakeAway } from './guard.js';
import { keepMembershipsFirst } from './memberships.js';
import { requireMayRegenerate } from './regenerate.js';

export interface ManualInput extends StepInput {
  readonly effect: ManualEffect;
  /** The version that it is about: the new one for mint and regenerate. */
  readonly generation: number;
  /** For disable and revoke: the version that must carry everything. */
  readonly survivor: number | null;
}

export interface AskInput extends ManualInput {
  readonly overdue: boolean;
}

/** What asking for one effect takes besides what is the same for all. */
interface Question {
  /** Throws where nobody may be asked now. */
  guard?(deps: EffectDeps, input: ManualInput, context: StepContext, signal: AbortSignal): Promise<Grant | null>;
  /** What must hold when that person is asked first. */
  readonly leave?: Leave;
  /** What is kept with the intent. */
  before?(input: ManualInput, context: StepContext, signal: AbortSignal): Promise<JsonObject | null>;
  /** The key as that person will find it, or is to name it. */
  keyOf(tag: string, version: VersionRecord | null): Pick<ManualFacts, 'keyName' | 'keyId'>;
  /** What to do, where the connector has no instructions of its own. */
  inWords(facts: ManualFacts): string;
  /** How that person says that it is done. */
  readonly answer: string;
}

const handIn = 'rekey provide ROTATION < the-new-key';
const sayDone = 'rekey provide ROTATION --done';

/** An effect on a key that is there. */
const onKey = (effect: ManualEffect): Pick<Question, 'keyOf' | 'inWords'> => ({
  keyOf: (_, version) => ({ keyName: version?.keyName ?? '', keyId: version?.keyId ?? null }),
  inWords: ({ store, keyName, keyId }) => `In ${store}, ${effect} the key ${[keyName, keyId].filter(Boolean).join(', ')}.`,
});

const questions: Readonly<Record<ManualEffect, Question>> = {
  mint: {
    leave: { gate: 'start', window: true },
    keyOf: (tag) => ({ keyName: tag, keyId: null }),
    inWords: ({ store, keyName, attributes }) => `In ${store}, make a key named ${keyName} with ${canonicalJson(attributes)}.`,
    answer: handIn,
  },
  regenerate: {
    ...onKey('regenerate'),
    guard: (deps, _, { run }) => requireMayRegenerate(deps, run, 'nothing'),
    answer: handIn,
  },
  disable: { ...onKey('disable'), leave: { gate: 'take-away' }, guard: requireMayGo, before: rightsOf, answer: sayDone },
  enable: { ...onKey('enable'), answer: sayDone },
  revoke: { ...onKey('revoke'), leave: { gate: 'take-away' }, guard: requireMayGo, answer: sayDone },
};

/**
 * Observes: the guard of the effect. Writes: its intent, which only a person settles, and what that
 * person is to do.
 */
export async function askPerson(deps: AskingDeps & EffectDeps, input: AskInput, signal: AbortSignal): Promise<Asked> {
  const { step, effect, generation } = input;
  const context = await contextOf(deps, step, signal);
  const { run, versions } = context;
  const { store: name, policy } = run.spec;
  const question = questions[effect];
  // Once asked it may have been done: whoever takes over asks on, whatever a guard would say by
  // now.
  const grant = (await deps.ledger.isAsked(step)) ? null : await question.guard?.(deps, input, context, signal);
  const before = (await question.before?.(input, context, signal)) ?? null;
  grant?.requireFresh();
  const asked = await deps.ledger.ask(step, before, question.leave);
  if (asked.done) return asked;
  const current = find(versions, generation) ?? find(versions, run.previousGeneration);
  await deps.ledger.openWait(step, {
    kind: 'manual',
    step: step.key,
    text: `a person to ${effect} a key in ${name}${input.overdue ? '; overdue' : ''}`,
    person: true,
    deadline: new Date(Date.now() + policy.approveWithin).toISOString(),
    nextCommands: ['provide', 'reject'],
    instructions: await instructionsOf(deps, run, effect, question.keyOf(asked.tag, current)),
  });
  return asked;
}

const find = (versions: readonly VersionRecord[], generation: number | null): VersionRecord | null =>
  versions.find((v) => v.generation === generation) ?? null;

async function requireMayGo(
  deps: EffectDeps,
  { step, generation, survivor }: ManualInput,
  { run, store, versions, versionAt }: StepContext,
  signal: AbortSignal,
): Promise<Grant | null> {
  const version = find(versions, generation);
  if (!version) return null;
  const since = stopwatch();
  const account = await deps.targets.account(run, signal);
  const grant = await requireMayTakeAway(deps, { store, account, since, run }, version, versionAt(survivor), signal);
  await keepMembershipsFirst(deps, step, version, versionAt(survivor));
  return grant;
}

async function rightsOf(
  { generation }: ManualInput,
  { store, versions }: StepContext,
  signal: AbortSignal,
): Promise<JsonObject | null> {
  const version = find(versions, generation);
  return version && { rights: (await store.describe(version.keyId, signal))?.rights ?? null };
}

async function instructionsOf(
  deps: AskingDeps,
  run: RunRecord,
  effect: ManualEffect,
  key: Pick<ManualFacts, 'keyName' | 'keyId'>,
): Promise<readonly string[]> {
  const { store, attributes } = run.spec;
  const { inWords, answer } = questions[effect];
  const facts: ManualFacts = { store, ...key, attributes };
  const config = await deps.targets.storeConfig(run);
  const steps = config.instructions?.[effect]?.(facts) ?? [inWords(facts)];
  return [...steps, `Then: ${answer.replace('ROTATION', `'${run.id}'`)}. If it cannot be done: rekey reject '${run.id}'.`];
}
