/** Owns the world of one case: a credential with its ledger, script and outside, and what a person says to its rotation. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import {
  legalVerbsQuery,
  mainQueue,
  provideUpdate,
  type RotationOrder,
  type RotationReport,
  rotationWorkflowId,
  verbUpdates,
  workflowOf,
} from '../../../workflows/contract.js';
import type { AssistedEffect, ProvideReceipt, ProvideRequest } from '../../../workflows/domain/assisted.js';
import {
  type ConsumerSpec,
  type CredentialSpec,
  type Policy,
  programOf,
  type Rollout,
  type RotationOptions,
} from '../../../workflows/domain/credential.js';
import type { Phase, Strategy } from '../../../workflows/domain/states.js';
import type { Verb } from '../../../workflows/domain/verbs.js';
import { FakeLedger } from './ledger.js';
import { Outside } from './outside.js';
import { Script } from './script.js';

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
  /** What a person does at the store, and the programs that only a person can change. */
  readonly assisted?: readonly AssistedEffect[];
  readonly byHand?: readonly string[];
  /** Those that do not run when it begins. */
  readonly stopped?: readonly string[];
  readonly options?: Partial<RotationOptions>;
}

export class World {
  readonly script = new Script();
  readonly outside: Outside;
  readonly ledger: FakeLedger;
  readonly consumers: readonly ConsumerSpec[];
  readonly disables: boolean;
  readonly byHand: readonly string[];
  readonly options: RotationOptions;
  readonly #strategy: Strategy;
  #handle: WorkflowHandle | null = null;

  constructor(
    readonly client: Client,
    readonly credential: string,
    setting: Setting,
  ) {
    const { strategy = 'overlap', programs = ['east/web-1', 'east/web-2', 'west/cron'], assisted = [] } = setting;
    this.#strategy = strategy;
    this.consumers = programs.map((program) => {
      const [host, name] = program.split('/') as [string, string];
      return { name, host, settings: {} };
    });
    this.disables = setting.disables ?? assisted.includes('disable');
    this.byHand = setting.byHand ?? [];
    this.options = { without: [], ...setting.options };
    this.outside = new Outside(
      this.consumers.map((c) => c.name),
      setting.stopped ?? [],
    );
    const spec: CredentialSpec = {
      name: credential,
      store: 'vendor',
      strategy,
      attributes: {},
      consumers: this.consumers.length > 0 ? { kind: 'list', list: this.consumers } : { kind: 'none' },
      rollout: { canary: 1, wave: { count: 2 }, bake: 0, ...setting.rollout },
      policy: {
        every: null,
        window: null,
        jitter: 0,
        grace: 0,
        soak: 0,
        evidence: 'uses',
        confirm: never,
        downtime: null,
        approve: [],
        approveWithin: never,
        ...setting.policy,
      },
      accept: [],
    };
    this.ledger = new FakeLedger(spec, { store: { kind: 'fake', settings: {}, assisted }, hosts: {} });
  }

  /** Names of the consumers that must be right. */
  get required(): readonly string[] {
    const { exempt, targets } = this.ledger.row;
    const left = new Set(exempt.map((e) => e.consumer));
    return (targets ?? []).map((t) => t.name).filter((name) => !left.has(name));
  }

  programOf(consumer: string): string {
    return programOf(this.consumers.find((c) => c.name === consumer)!);
  }

  async begin(order: Partial<RotationOrder> = {}): Promise<void> {
    this.#handle = await this.client.workflow.start(workflowOf[this.options.update ? 'update' : this.#strategy], {
      workflowId: rotationWorkflowId(this.credential),
      taskQueue: mainQueue,
      args: [{ credential: this.credential, options: this.options, by: 'test', ...order }],
    });
  }

  /** Ends the workflow from outside, and begins another one on the same ledger. */
  async takeOver(): Promise<void> {
    await this.handle.terminate('the case ends it');
    await this.begin();
  }

  get handle(): WorkflowHandle {
    if (!this.#handle) throw new Error(`no rotation of ${this.credential} was begun`);
    return this.#handle;
  }

  ended(): Promise<RotationReport> {
    return this.handle.result() as Promise<RotationReport>;
  }

  async run(): Promise<RotationReport> {
    await this.begin();
    return this.ended();
  }

  say(verb: Verb, consumer: string | null = null, expectedPhase: Phase | null = null) {
    return this.handle.executeUpdate(verbUpdates[verb], { args: [{ by: 'test', expectedPhase, reason: 'a test', consumer }] });
  }

  legalVerbs(): Promise<readonly Verb[]> {
    return this.handle.query(legalVerbsQuery);
  }

  provide(said: Partial<ProvideRequest> = {}): Promise<ProvideReceipt> {
    const request = { by: 'test', secretRef: null, keyId: null, fingerprint: null, ...said };
    return this.handle.executeUpdate(provideUpdate, { args: [request] });
  }

  /** Says a verb as soon as it is legal: a query sees the run a moment after the activity that it asked for has begun. */
  async sayOnceLegal(verb: Verb, consumer: string | null = null): Promise<void> {
    await this.untilLegal(verb);
    await this.say(verb, consumer);
  }

  async untilLegal(verb: Verb): Promise<void> {
    while (!(await this.legalVerbs()).includes(verb));
  }

  /** What a person is noted to be waited for, once it is that. */
  async untilWaits(text: string): Promise<void> {
    await this.script.until((log) =>
      log.some((e) => e.label === 'note wait' && e.ended !== null && waitOf(e.input).includes(text)),
    );
  }

  async untilBegun(label: string, times = 1): Promise<void> {
    await this.script.until((log) => log.filter((e) => e.label === label).length >= times);
  }

  async untilDone(label: string): Promise<void> {
    await this.script.until((log) => log.some((e) => e.label === label && e.how === 'done'));
  }

  /** How often an activity was begun whose label is this, or begins with it and a blank. */
  count(label: string): number {
    return this.script.log.filter((e) => e.label === label || e.label.startsWith(`${label} `)).length;
  }

  inputOf(label: string): Readonly<Record<string, unknown>> {
    return this.script.log.findLast((e) => e.label === label)!.input;
  }
}

const waitOf = (input: Readonly<Record<string, unknown>>): string => (input.note as { wait: { text: string } }).wait.text;
