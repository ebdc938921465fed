/** Owns the deps of one effect in a test: a ledger that runs the body, and keeps what was said. */
import { type ApplyDeps, type AskingDeps, type Deps, type EffectDeps, withOnce } from '../../../activities/deps.js';
import type { Attempt, OnceOptions } from '../../../activities/ports/journal.js';
import type { RunRecord, StepRef, VersionRecord, Wait } from '../../../workflows/domain/records.js';
import { connectorsOf } from '../../support/connectors.js';

export const stepRef = (key: string): StepRef => ({ run: 'c#2', credential: 'c', kind: key, key }) as StepRef;

/** Everyone is on generation 2, and the store is an account of ours. */
const versionAt = (generation: number): VersionRecord =>
  ({
    generation,
    keyId: `key-${generation}`,
    account: 'a',
    secretRef: 'r',
    compromised: false,
    state: 'active',
    ageMs: 0,
  }) as VersionRecord;

const row = {
  id: 'c#2',
  direction: 'forward',
  generation: 2,
  previousGeneration: 1,
  spec: { store: 's', policy: { evidence: 'uses', approveWithin: 1_000 }, accept: [], attributes: {} },
  targets: [],
  standsOn: { stores: {}, hosts: {} },
  identities: { store: 'a', hosts: { h: 'machine' } },
  exempt: [],
  urgency: null,
} as unknown as RunRecord;

export interface Told {
  /** Steps that went through `once`, in order, with what became of them. */
  readonly steps: { readonly key: string; outcome?: object; unsent: string; readonly staged: string[] }[];
  /** Steps that the ledger was told of besides: nothing is waited for there any more. */
  readonly entered: string[];
  /** How many looks at consumers were kept. */
  seen: number;
  /** Steps that a person was asked for. */
  readonly asked: string[];
  /** What the ledger was told that it waits for, and until when. */
  readonly waits: string[];
  readonly deadlines: (string | null)[];
}

/** Who they were when the run was planned. */
const same = {
  check: async () => ({ identity: 'a', managementKeyId: null, keys: 2, maxKeys: null }),
  identity: async () => 'machine',
};

interface Given {
  readonly store?: object;
  readonly host?: object;
  readonly run?: Partial<RunRecord>;
  /** What stands in the ledger of consumers. */
  readonly inspections?: readonly object[];
  /** Milliseconds since the first time that somebody did not answer. */
  readonly waitedMs?: number;
}

export function depsOf({ store = {}, host = {}, run = {}, inspections = [], waitedMs = 0 }: Given): {
  deps: ApplyDeps & AskingDeps & EffectDeps;
  told: Told;
} {
  const told: Told = { steps: [], entered: [], seen: 0, asked: [], waits: [], deadlines: [] };
  const ledger = {
    run: async () => ({ ...row, ...run }),
    versions: async () => [versionAt(1), versionAt(2)],
    inspections: async () => inspections,
    unsettled: async () => 0,
    tagFamily: () => 'rekey-1-c2',
    tags: async () => [],
    isAsked: async () => false,
    ask: async ({ key }: StepRef) => {
      told.asked.push(key);
      return { done: null, attempt: 'attempt', tag: 'tag' };
    },
    beginLook: async () => ({ attempt: 'look', now: 0 }),
    enter: async ({ key }: StepRef) => void told.entered.push(key),
    openWait: async (_: StepRef, { text, deadline }: Wait) => {
      told.waits.push(text);
      told.deadlines.push(deadline);
      return { number: 1, approved: false, ageMs: waitedMs, head: null };
    },
    lastUpdate: async () => null,
    credential: async () => ({ ...row.spec, ...run.spec }),
    recordInspections: async () => {
      told.seen++;
    },
    lease: async () => ({ ledgerId: 'l', number: 1 }),
    releaseLease: async () => undefined,
    once: async ({ key }: StepRef, { snapshotBefore }: OnceOptions, body: (attempt: Attempt) => Promise<object>) => {
      const before = await snapshotBefore?.(new AbortController().signal);
      const step: Told['steps'][number] = { key, unsent: 'no', staged: [] };
      told.steps.push(step);
      const attempt = {
        earlier: [],
        before,
        signal: new AbortController().signal,
        beforeSending: () => undefined,
        markUnsent: (which: string) => {
          step.unsent = which;
        },
        stage: ({ kind }: { kind: string }) => void step.staged.push(kind),
      } as unknown as Attempt;
      step.outcome = await body(attempt);
      return { result: step.outcome, head: null };
    },
  };
  const deps = {
    ledger,
    vault: { open: async () => ({}), roundTrip: async () => undefined },
    connectors: { ...connectorsOf({ store: { ...same, ...store }, host: { ...same, ...host } }), storeConfig: async () => ({}) },
  } as unknown as Deps;
  return { deps: withOnce(deps), told };
}

export const timing = { request: 1_000, settle: 0, propagation: 1_000, lastUsedLag: 0 };
