/**
 * Owns the fake activities of one workflow's case: each is logged, does what the script says, and
 * else what goes well.
 */
import { Context } from '@temporalio/activity';
import { asEffect, asObservation, toFailure } from '../../../activities/boundary.js';
import type { Deps, StepInput } from '../../../activities/deps.js';
import {
  createLocalLedgerActivities,
  type Deployed,
  type HostActivities,
  type LedgerActivities,
  type LocalLedgerActivities,
  type StoreActivities,
} from '../../../activities/index.js';
import type { Attempt, Change } from '../../../activities/ports/journal.js';
import { tellRun } from '../../../activities/steps/incidents.js';
import { rotationWorkflowId } from '../../../workflows/contract.js';
import type { JsonObject } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { ManualEffect } from '../../../workflows/domain/manual.js';
import { generationOf, type RunRecord, type SaidVerb, type Wait } from '../../../workflows/domain/records.js';
import { leaveOf, requireDelivery, requireMayContain, requireMayTakeAway } from './guards.js';
import type { World } from './world.js';

/** The world of the workflow that asks. */
export type Find = (workflowId: string) => World;

/** What is said of an attempt in the log. */
function labelOf(activity: string, input: object): string {
  const { step, host, said, round, outcome, consumer } = input as Partial<
    StepInput & Record<'host' | 'outcome' | 'consumer', string> & { said: SaidVerb; round: number }
  >;
  const [, ...rest] = step?.key.split('/') ?? [];
  // The key of a step names its consumer; letting go of one is no step of the journal.
  const released = activity === 'releaseLease' ? consumer : '';
  return [activity, rest.join('/'), host, said?.verb, round, outcome, released].filter(Boolean).join(' ');
}

const done = {};

/** The product's own books, on a ledger in memory. */
export function ledgerActivities(find: Find): LocalLedgerActivities {
  const names = Object.keys(createLocalLedgerActivities({} as Deps)) as (keyof LocalLedgerActivities)[];
  const fake =
    (name: keyof LocalLedgerActivities) =>
    async (input: object = {}) => {
      const world = worldOf(find);
      // The books touch the ledger alone, and of it what is faked.
      const books = createLocalLedgerActivities({ ledger: world.ledger } as unknown as Deps);
      const act = books[name] as (input: object) => Promise<unknown>;
      try {
        return await world.script.run(labelOf(name, input), input, null, async (turn) => {
          await turn.before();
          return turn.after(turn.answers ? undefined : await act(input));
        });
      } catch (error) {
        throw toFailure(error, false);
      }
    };
  return Object.fromEntries(names.map((name) => [name, fake(name)])) as unknown as LocalLedgerActivities;
}

const worldOf = (find: Find): World => find(Context.current().info.workflowExecution!.workflowId);

export function bookkeepingActivities(find: Find): LedgerActivities {
  const { looks } = kinds(find);
  return {
    saveConfiguration: looks('saveConfiguration', () => ({ changed: true })),
    takeLeases: looks('takeLeases', async (world, { step }) => {
      for (const consumer of world.required) await world.ledger.lease(step, world.leaseKey(consumer));
    }),
    awaitSettled: looks('awaitSettled', () => 0),
    lostRuns: looks('lostRuns', () => []),
    tellRun: looks('tellRun', (_, input) => {
      const told = find(rotationWorkflowId(input.credential));
      const engine = { endRun: (__: string, why: string) => told.endWorkflow(why) };
      return tellRun({ ledger: told.ledger as unknown as Deps['ledger'], engine }, input);
    }),
  };
}

export function storeActivities(find: Find): StoreActivities {
  const { acts, looks } = kinds(find);
  const survey = {
    keys: 2,
    minKeys: 0,
    maxKeys: null,
    switches: { disable: false, undoDelete: 'none', listsKeys: true },
    request: 1_000,
    propagation: 1_000,
  } as const;
  const plan = {
    findings: [],
    keyId: 'key-1',
    before: { name: 'key', rights: { scopes: ['read', 'write'] }, state: 'live' },
    after: { name: 'key', rights: { scopes: ['read'] }, state: 'live' },
    differences: [{ what: 'scopes', before: ['read', 'write'], after: ['read'] }],
    widens: [],
    propagation: 600_000,
  } as const;
  return {
    adoptVersion: looks('adoptVersion', (_, { credential }) => ({ credential, generation: 1, adopted: true })),
    preflightStore: looks('preflightStore', (world) => ({
      findings: [],
      identity: 'account',
      usedBy: null,
      disables: world.disables,
      holdsOldSecret: world.holdsOldSecret,
      replacesFirst: !world.disables,
    })),
    mintVersion: acts('mintVersion', ({ ledger, outside, vendor }, _, attempt) => {
      const generation = generationOf(ledger.row);
      vendor?.keys.set(generation, 'live');
      outside.mint(generation);
      for (const change of changesOf('mint', ledger.row)) attempt.stage(change);
      return { generation, keyId: `key-${generation}`, fingerprint: `fingerprint-${generation}` };
    }),
    proveVersion: looks('proveVersion', (world) => {
      if (world.vendor?.refuses(2)) throw new RekeyError('KR_NOT_PROVED', 'the new key is refused');
      return world.keepsLists;
    }),
    copyMemberships: acts('copyMemberships', () => done),
    drain: looks('drain', ({ vendor }) => {
      if (vendor?.can.listsKeys && vendor.seen(2) !== 'accepted') throw new RekeyError('KR_KEY_GONE', 'generation 2 is gone');
    }),
    containVersion: acts('containVersion', (world, { target: generation, final }, attempt) => {
      const by = world.disables && !final ? 'disable' : 'revoke';
      requireMayContain(world, attempt, generation, by);
      world.outside.kill(generation, by);
      const state = world.ledger.states[generation];
      const isMoved = state === 'revoked' || (by === 'disable' && state === 'disabled');
      if (!isMoved) attempt.stage({ kind: 'move-version', generation, event: `contain-${by}` });
      return { generation, by };
    }),
    disableVersion: acts('disableVersion', async (world, { target: generation, survivor }, attempt) => {
      const { ledger, outside, vendor } = world;
      vendor?.guard(survivor, attempt);
      await requireMayTakeAway(world, attempt, generation, survivor, false);
      vendor?.disable(generation, attempt);
      outside.disable(generation);
      if (ledger.states[generation] !== 'disabled') attempt.stage({ kind: 'move-version', generation, event: 'disable' });
      return { generation };
    }),
    enableVersion: acts('enableVersion', ({ ledger, outside, vendor }, { generation }, attempt) => {
      if (ledger.versionOf(generation)!.compromised)
        throw new RekeyError('KR_COMPROMISED', `generation ${generation} has leaked`);
      vendor?.enable(generation, attempt);
      outside.enable(generation);
      if (ledger.states[generation] === 'disabled') attempt.stage({ kind: 'move-version', generation, event: 'enable' });
      return { generation };
    }),
    proveEnabled: looks('proveEnabled', ({ outside, vendor }, { generation }) => {
      if (vendor) return vendor.seen(generation);
      const key = outside.keys.get(generation);
      return key === 'live' ? ('accepted' as const) : (key ?? ('gone' as const));
    }),
    waitOutSoak: looks('waitOutSoak', () => undefined),
    revokeVersion: acts('revokeVersion', async (world, { target: generation, survivor, due = false }, attempt) => {
      world.vendor?.guard(survivor, attempt);
      await requireMayTakeAway(world, attempt, generation, survivor, due);
      world.vendor?.keys.set(generation, 'deleted');
      world.outside.revoke(generation, due ? [] : world.required);
      attempt.stage({ kind: 'move-version', generation, event: 'revoke' });
      return { generation, keyId: `key-${generation}` };
    }),
    proveDead: looks('proveDead', () => true),
    removeOrphans: acts('removeOrphans', () => ({ removed: [] })),
    askPerson: looks('askPerson', async ({ ledger }, { step }) => {
      const asked = await ledger.ask(step);
      if (!asked.done) await ledger.openWait(step, manualWait(step));
      return asked;
    }),
    takeProvided: looks('takeProvided', ({ ledger, outside, required }, { step, effect, generation, attempt }) => {
      if (effect === 'mint') outside.mint(generation);
      else if (effect === 'revoke') outside.revoke(generation, required);
      else if (effect !== 'regenerate') outside[effect](generation);
      const result: JsonObject =
        effect === 'regenerate' ? { generation, secretChanged: null } : { generation, keyId: `key-${generation}` };
      return ledger.answered(step, attempt, result, changesOf(effect, ledger.row, generation));
    }),
    regenerateSecret: acts('regenerateSecret', (world, _, attempt) => {
      const { ledger, outside, required, vendor } = world;
      vendor?.regenerate(attempt);
      const generation = generationOf(ledger.row);
      outside.regenerate(ledger.row.previousGeneration!, generation, required);
      if (!ledger.states[generation]) for (const change of changesOf('regenerate', ledger.row)) attempt.stage(change);
      return { generation, secretChanged: 'ours' };
    }),
    proveSecret: acts('proveSecret', ({ vendor }) => ({
      proof: vendor?.refuses(1) ? ('refused' as const) : ('accepted' as const),
    })),
    compareKeys: looks('compareKeys', () => []),
    digestManagement: looks('digestManagement', (_, place) => ({ ...place, digests: [], unresolved: [] })),
    surveyStore: looks('surveyStore', () => survey),
    planUpdate: acts('planUpdate', (_, { known }) => known ?? plan),
    changeKey: acts('changeKey', () => ({ sent: true })),
    putBackKey: acts('putBackKey', () => ({ sent: true })),
    proveImage: looks('proveImage', () => undefined),
  };
}

export function hostActivities(find: Find): HostActivities {
  const { acts, looks } = kinds(find);
  return {
    preflightHost: looks('preflightHost', (world, { host }) => {
      const consumers = world.consumers.filter((c) => c.host === host);
      return {
        findings: [],
        identities: { [host]: host },
        consumers,
        running: consumers.map((c) => c.name).filter((name) => world.outside.up.has(name)),
      };
    }),
    digestManagement: looks('digestManagement', (_, place) => ({ ...place, digests: [], unresolved: [] })),
    inspectConsumers: looks('inspectConsumers', () => undefined),
    watchSoak: looks('watchSoak', ({ vendor }, { consumers }) => (vendor?.refuses(2) ? consumers : [])),
    distribute: acts('distribute', async (world, { step, consumer, generation }) => {
      await requireDelivery(world, step, consumer, generation);
      if (world.manualConsumers.includes(consumer)) return { manual: true } as const;
      world.outside.distribute(consumer, generation);
      return done;
    }),
    askForAttestation: looks('askForAttestation', async ({ ledger }, { step }) => {
      await ledger.openWait(step, manualWait(step));
      return { said: false };
    }),
    recordAttestation: looks('recordAttestation', ({ ledger, outside }, { step, consumer, generation }) =>
      ledger.once(step, null, async () => {
        ledger.endManual(step);
        outside.distribute(consumer, generation);
        return done;
      }),
    ),
    withdrawStaged: acts('withdrawStaged', () => done),
    confirmConsumer: looks('confirmConsumer', (world, { consumer }) => world.ledger.releaseLease(world.leaseKey(consumer))),
    undeployConsumer: acts('undeployConsumer', ({ outside }, { consumer }) => {
      outside.up.delete(consumer);
      return done;
    }),
    awaitStopped: looks('awaitStopped', () => undefined),
    updateSecret: acts('updateSecret', async (world, { step, consumer, generation }) => {
      await requireDelivery(world, step, consumer, generation);
      world.outside.distribute(consumer, generation);
      return done;
    }),
    deployConsumer: acts('deployConsumer', ({ outside }, { consumer }) => {
      outside.deploy(consumer);
      return done;
    }),
    confirmDeployed: looks('confirmDeployed', async (world, { consumer }): Promise<Deployed> => {
      if (!world.outside.up.has(consumer)) return 'stopped';
      await world.ledger.releaseLease(world.leaseKey(consumer));
      return 'running';
    }),
  };
}

const manualWait = ({ key }: StepInput['step']): Wait => ({
  kind: 'manual',
  step: key,
  text: 'a person to do it',
  person: true,
  deadline: null,
  nextCommands: ['provide', 'reject'],
});

/**
 * What is committed together with the outcome of an effect at the store, whoever carried it out.
 */
function changesOf(effect: ManualEffect, run: RunRecord, about = run.previousGeneration!): readonly Change[] {
  const { generation, previousGeneration } = run;
  const added = (state: 'prepared' | 'active', origin: 'minted' | 'regenerated'): Change => ({
    kind: 'add-version',
    generation: generationOf(run),
    state,
    account: 'account',
    keyId: `key-${generation}`,
    keyName: `key-${generation}`,
    origin,
    fingerprint: `fingerprint-${generation}`,
    digest: `digest-${generation}`,
    secret: {} as never,
  });
  if (effect === 'mint') return [added('prepared', 'minted')];
  const moved: Change = {
    kind: 'move-version',
    generation: effect === 'regenerate' ? previousGeneration! : about,
    event: effect,
  };
  return effect === 'regenerate' ? [moved, added('active', 'regenerated')] : [moved];
}

/**
 * Both kinds of activity go through the product's own border to Temporal: heartbeats, cancellation
 * and failures are the real ones.
 */
function kinds(find: Find) {
  const looks = <Input extends object, Result>(
    activity: string,
    see: (world: World, input: Input) => Result | Promise<Result>,
  ): ((input: Input) => Promise<Result>) =>
    asObservation((input: Input, signal) => {
      const world = worldOf(find);
      return world.script.run(labelOf(activity, input), input, signal, async (turn) => {
        const fenced = async () => 'step' in input && (await world.ledger.enter(input.step as StepInput['step']));
        await fenced();
        await turn.before();
        await fenced();
        return turn.after(turn.answers ? (undefined as Result) : await see(world, input));
      });
    });

  /**
   * Goes through `once` as every effect does: a recorded outcome is answered without being done
   * again.
   */
  const acts = <Input extends StepInput, Result extends JsonObject>(
    activity: string,
    act: (world: World, input: Input, attempt: Attempt) => Result | Promise<Result>,
  ) =>
    asEffect((input: Input) => {
      const world = worldOf(find);
      const leave = leaveOf(input.step.kind, 'due' in input && input.due === true);
      return world.script.run(labelOf(activity, input), input, null, (turn) =>
        world.ledger.once(input.step, { leave }, async (attempt) => {
          await turn.before(() => attempt.markUnsent('and-before'));
          // Whoever is late has no time left to send anything, as far as the product is concerned.
          await world.ledger.enter(input.step);
          return turn.after(await act(world, input, attempt));
        }),
      );
    });
  return { acts, looks };
}
