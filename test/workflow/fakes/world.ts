/**
 * Owns the world of one case: a credential with its ledger, script and outside, and what a person
 * says to its rotation.
 */

import { randomUUID } from 'node:crypto';
import { type Client, QueryNotRegisteredError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { executeUpdate, queryWorkflow, startWorkflow } from '../../../client/messages.js';
import {
  legalVerbsQuery,
  mainQueue,
  provideUpdate,
  type RunOrder,
  type RunReport,
  rotationWorkflowId,
  type VerbReceipt,
  verbUpdates,
  workflowOf,
} from '../../../workflows/contract.js';
import {
  type ConsumerSpec,
  type CredentialSpec,
  leaseKey,
  type Policy,
  type Rollout,
  type RunOptions,
} from '../../../workflows/domain/credential.js';
import type { Envelope } from '../../../workflows/domain/envelope.js';
import type { ManualEffect, ProvideReceipt, ProvideRequest } from '../../../workflows/domain/manual.js';
import type { Phase, Strategy } from '../../../workflows/domain/states.js';
import type { Verb } from '../../../workflows/domain/verbs.js';
import { declared } from '../../support/declared.js';
import { tester } from '../../support/who.js';
import { FakeLedger } from './ledger.js';
import { Outside } from './outside.js';
import { type Entry, type Hold, Script } from './script.js';
import { Vendor, type VendorSetting } from './vendor.js';

/** Longer than any case: what lasts so long is ended by a verb, or the case fails. */
export const never = 3_600_000;

export interface Setting {
  readonly strategy?: Strategy;
  /** `host/name`. */
  readonly programs?: readonly string[];
  readonly rollout?: Partial<Rollout>;
  readonly policy?: Partial<Policy>;
  /** Whether the store can disable a key. */
  readonly disables?: boolean;
  /** Whether the store keeps lists that name keys. */
  readonly keepsLists?: boolean;
  /** Whether the secret of the old key is in the vault; it is unless said. */
  readonly holdsOldSecret?: boolean;
  /** What the vendor can, where somebody else may touch its keys. */
  readonly vendor?: VendorSetting;
  /** What a person does at the store, and the programs that only a person can change. */
  readonly manual?: readonly ManualEffect[];
  readonly manualConsumers?: readonly string[];
  /** Those that do not run when it begins. */
  readonly stopped?: readonly string[];
  readonly options?: Partial<RunOptions>;
  /** How long a workflow task may take before the server hears of it. */
  readonly taskTimeout?: '1s';
}

export class World {
  readonly script = new Script();
  readonly outside: Outside;
  readonly ledger: FakeLedger;
  readonly consumers: readonly ConsumerSpec[];
  readonly disables: boolean;
  readonly keepsLists: boolean;
  readonly holdsOldSecret: boolean;
  readonly manualConsumers: readonly string[];
  readonly vendor: Vendor | null;
  readonly options: RunOptions;
  readonly #strategy: Strategy;
  #result: Promise<RunReport> | null = null;

  constructor(
    readonly client: Client,
    readonly credential: string,
    private readonly setting: Setting,
  ) {
    const { strategy = 'overlap', programs = ['east/web-1', 'east/web-2', 'west/cron'], manual = [] } = setting;
    this.#strategy = strategy;
    this.consumers = programs.map((program) => {
      const [host, name] = program.split('/') as [string, string];
      return { name, host, settings: {} };
    });
    this.keepsLists = setting.keepsLists ?? false;
    this.holdsOldSecret = setting.holdsOldSecret ?? true;
    this.vendor = setting.vendor ? new Vendor(setting.vendor, this.holdsOldSecret) : null;
    this.disables = this.vendor?.disables ?? setting.disables ?? manual.includes('disable');
    this.manualConsumers = setting.manualConsumers ?? [];
    this.options = { without: [], ...setting.options };
    this.outside = new Outside(
      this.consumers.map((c) => c.name),
      setting.stopped ?? [],
      (generation) => this.ledger.versionOf(generation)?.compromised ?? false,
    );
    const plain = declared(credential);
    const spec: CredentialSpec = {
      ...plain,
      store: 'vendor',
      strategy,
      consumers: this.consumers.length > 0 ? { kind: 'list', list: this.consumers } : { kind: 'none' },
      rollout: { ...plain.rollout, wave: { count: 2 }, ...setting.rollout },
      policy: { ...plain.policy, confirm: never, approveWithin: never, ...setting.policy },
    };
    const standsOn = { stores: { vendor: { kind: 'fake', settings: {}, manual } }, hosts: {} };
    this.ledger = new FakeLedger(spec, standsOn, this.holdsOldSecret);
  }

  /** Names of the consumers that must be right. */
  get required(): readonly string[] {
    const { exempt, targets } = this.ledger.row;
    const left = new Set(exempt.map((e) => e.consumer));
    return (targets ?? []).map((t) => t.name).filter((name) => !left.has(name));
  }

  leaseKey(consumer: string): string {
    return leaseKey(this.consumers.find((c) => c.name === consumer)!);
  }

  async begin(order: Partial<RunOrder> = {}): Promise<void> {
    const asked = { id: randomUUID(), credential: this.credential, options: this.options, by: tester, ...order };
    const handle = await startWorkflow(this.client, workflowOf[asked.options.update ? 'update' : this.#strategy], asked, {
      workflowId: rotationWorkflowId(this.credential),
      taskQueue: mainQueue,
      ...(this.setting.taskTimeout ? { workflowTaskTimeout: this.setting.taskTimeout } : {}),
    });
    this.#follow(handle.result() as Promise<RunReport>);
  }

  /** For a rotation that something else has begun. */
  attach(handle: WorkflowHandle): void {
    this.#follow(handle.result().then((answer) => (answer as Envelope).body as RunReport));
  }

  #follow(result: Promise<RunReport>): void {
    this.#result = result;
    this.#result.catch(() => undefined);
  }

  /** Ends the workflow from outside, and begins another one on the same ledger. */
  async takeOver(): Promise<void> {
    await this.endWorkflow('the case ends it');
    await this.begin();
  }

  /** Whichever runs now, if one does. */
  async endWorkflow(why: string): Promise<void> {
    try {
      await this.handle.terminate(why);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  /** Of whichever workflow carries the run now. */
  get handle(): WorkflowHandle {
    return this.client.workflow.getHandle(rotationWorkflowId(this.credential));
  }

  ended(): Promise<RunReport> {
    return this.#bounded('its end', this.#result!);
  }

  async run(): Promise<RunReport> {
    await this.begin();
    return this.ended();
  }

  say(
    verb: Verb,
    consumer: string | null = null,
    expectedPhase: Phase | null = null,
    wait: number | null = null,
  ): Promise<VerbReceipt> {
    const said = { run: this.ledger.row.id, by: tester, expectedPhase, wait, reason: 'a test', consumer };
    return executeUpdate(this.handle, verbUpdates[verb], said);
  }

  /**
   * An abort that is recorded and obeyed during a step, and whose workflow task is lost before
   * Temporal has heard of it. Answers how it is sent once more.
   */
  async loseAbort(during: string): Promise<() => Promise<VerbReceipt>> {
    const step = this.last(during).step!;
    const updateId = randomUUID();
    const said = { wait: null, reason: 'a test', consumer: null };
    const { head } = await this.ledger.recordVerb(step, { updateId, verb: 'abort', who: tester, ...said });
    await this.ledger.turnBack({ ...step, head }, 'aborted by test: a test');
    const again = { run: this.ledger.row.id, by: tester, expectedPhase: null, ...said };
    return () => executeUpdate(this.handle, verbUpdates.abort, again, updateId);
  }

  amend(amended: ConsumerSpec): Promise<VerbReceipt> {
    const said = { by: tester, expectedPhase: null, wait: null, reason: 'a test', consumer: amended.name, amended };
    return executeUpdate(this.handle, verbUpdates.amend, { run: this.ledger.row.id, ...said });
  }

  legalVerbs(): Promise<readonly Verb[]> {
    return queryWorkflow(this.handle, legalVerbsQuery);
  }

  /**
   * Says a verb as soon as it is legal: the workflow hears of an activity's end a moment after the
   * log does.
   */
  async sayOnceLegal(verb: Verb, consumer: string | null = null): Promise<void> {
    await this.untilLegal(verb);
    await this.say(verb, consumer);
  }

  async untilLegal(verb: Verb): Promise<void> {
    // Before its first task a workflow answers nothing.
    const unheard = (error: unknown): readonly Verb[] => {
      if (error instanceof QueryNotRegisteredError) return [];
      throw error;
    };
    const legal = async () => (await this.legalVerbs().catch(unheard)).includes(verb);
    await this.#bounded(`${verb} to be legal`, askedUntil(legal));
  }

  provide(said: Partial<ProvideRequest> = {}): Promise<ProvideReceipt> {
    const request = { run: this.ledger.row.id, by: tester, wait: null, secretRef: null, keyId: null, fingerprint: null, ...said };
    return executeUpdate(this.handle, provideUpdate, request);
  }

  /** Says that it is done, as soon as a person was asked so often and the run listens. */
  async provideOnceAsked(label: string, said: Partial<ProvideRequest> = {}, times = 1): Promise<ProvideReceipt> {
    await this.untilBegun(label, times);
    await this.untilLegal('reject');
    return this.provide(said);
  }

  /**
   * Until it was noted that a person, or something else, is waited for, in words that hold `text`.
   */
  async untilWaits(text: string, times = 1): Promise<void> {
    const waits = (e: Entry) => e.label === 'openWait' && e.how === 'done' && waitOf(e).includes(text);
    await this.#until(`a wait for "${text}"`, (log) => log.filter(waits).length >= times);
  }

  /** Until the workflow has been told of the end of an activity, and has done what it does then. */
  async untilTold(label: string): Promise<void> {
    const { activityId } = this.last(label);
    const told = async () => {
      const { events } = await this.handle.fetchHistory();
      const all = events ?? [];
      const begun = all.find((e) => e.activityTaskScheduledEventAttributes?.activityId === activityId);
      const ended = all.findIndex((e) =>
        (e.activityTaskCompletedEventAttributes ?? e.activityTaskFailedEventAttributes)?.scheduledEventId?.eq(begun!.eventId!),
      );
      return ended >= 0 && all.slice(ended).some((e) => e.workflowTaskCompletedEventAttributes);
    };
    await this.#bounded(`the workflow to be told of ${label}`, askedUntil(told));
  }

  async untilBegun(label: string, times = 1): Promise<void> {
    await this.#until(label, () => this.count(label) >= times);
  }

  async untilDone(label: string, times: number): Promise<void> {
    await this.#until(label, () => this.#of(label).filter((e) => e.how === 'done').length >= times);
  }

  /** Until every attempt of an activity has ended, those of a run that is gone included. */
  async untilOver(label: string): Promise<void> {
    const over = (log: readonly Entry[]) =>
      log.some((e) => e.label === label) && log.every((e) => e.label !== label || e.ended !== null);
    await this.#bounded(`all of ${label} to end`, this.script.until(over));
  }

  /** Until the held attempt has begun. */
  async reached(hold: Hold): Promise<void> {
    await this.#until(`${hold.label} to be held`, () => hold.isReached);
  }

  /** How often an activity was begun whose label is this, or begins with it and a blank. */
  count(label: string): number {
    return this.#of(label).length;
  }

  /** How often it did something: what was recorded before is not done again. */
  acted(label: string): number {
    return this.#of(label).filter((e) => e.acted).length;
  }

  /** The last attempt of an activity. */
  last(label: string): Entry {
    const entry = this.#of(label).at(-1);
    if (!entry) throw new Error(`${label} was not begun: ${this.#lately()}`);
    return entry;
  }

  /** What the rotation was noted to wait for, one after the other. */
  get waits(): readonly string[] {
    return this.#of('openWait').map(waitOf);
  }

  #of(label: string): readonly Entry[] {
    return this.script.log.filter((e) => e.label === label || e.label.startsWith(`${label} `));
  }

  #until(what: string, found: (log: readonly Entry[]) => boolean): Promise<unknown> {
    const over = this.#result!.then(({ outcome, reason }) => {
      throw new Error(`it was ${outcome} (${reason}) before ${what}; lately: ${this.#lately()}`);
    });
    return this.#bounded(what, Promise.race([this.script.until(found), over]));
  }

  async #bounded<Result>(what: string, waited: Promise<Result>): Promise<Result> {
    let bound: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      bound = setTimeout(() => reject(new Error(`waited in vain for ${what}; lately: ${this.#lately()}`)), longest);
    });
    try {
      return await Promise.race([waited, late]);
    } finally {
      clearTimeout(bound);
    }
  }

  #lately(): string {
    return this.script.log
      .slice(-8)
      .map((e) => `${e.label}${e.label === 'openWait' ? ` (${waitOf(e)})` : ''}${e.how === 'done' ? '' : `: ${e.how ?? 'runs'}`}`)
      .join(', ');
  }
}

/** For what nobody tells, and has to be asked for. */
async function askedUntil(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Milliseconds after which what is waited for does not come any more. */
const longest = 60_000;

const waitOf = ({ input }: Entry): string => (input as { wait: { text: string } }).wait.text;
