/**
 * Owns a world of one credential: its rotation in the real ledger, workers that attempt its steps,
 * and all the moves by which the two can go wrong together.
 */

import { type Deps, type EffectDeps, withOnce } from '../../../activities/deps.js';
import type { Ledger } from '../../../activities/ports/ledger.js';
import { openLedger } from '../../../activities/postgres/ledger.js';
import type { Database } from '../../../activities/postgres/pool.js';
import { sealedSecrets } from '../../../activities/postgres/sealed-secrets.js';
import { createLedgerSteps } from '../../../activities/steps/ledger.js';
import type { KeyFolder } from '../../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../../activities/vault/vault.js';
import type { ChainHead, RunRecord, StepRef } from '../../../workflows/domain/records.js';
import type { Phase } from '../../../workflows/domain/states.js';
import { connectorsOf } from '../connectors.js';
import { anOrder } from '../order.js';
import { tester } from '../who.js';
import type { Clock } from './clock.js';
import { type ModelKey, ModelVendor, timing } from './vendor.js';
import { Worker } from './worker.js';

export interface Bench {
  readonly database: Database;
  readonly keys: KeyFolder;
  readonly clock: Clock;
}

export interface Move {
  readonly name: string;
  run(): void | Promise<void>;
}

/**
 * A step that the engine repeats until it is done: it never has more than one valid attempt, but
 * cannot end the others.
 */
export interface Task {
  readonly step: () => StepRef;
  readonly run: (deps: EffectDeps, step: StepRef) => Promise<unknown>;
  readonly done: (result: unknown) => void | Promise<void>;
  /** A failure that is not repeated; returns whether it was understood. */
  readonly refused: (code: string) => boolean | Promise<boolean>;
}

const mostWorkers = 3;
/** Failures after which the engine tries again by itself. */
const repeated = /^KR_(STORE_UNCLEAR|STORE_UNAVAILABLE|SETTLING|TOO_LATE|ATTEMPT_LOST|LEDGER_UNAVAILABLE)$/;

export abstract class World {
  readonly trace: string[] = [];
  readonly workers: Worker[] = [];
  readonly vendor: ModelVendor;
  readonly stranger: ModelKey;
  readonly old: ModelKey;
  run!: RunRecord;
  fence = 0;
  protected ledger!: Ledger;
  protected vault!: EnvelopeVault;
  protected task: Task | null = null;
  readonly #began: number;
  #head: ChainHead | null = null;
  #valid: { worker: Worker; task: Task; result?: unknown } | null = null;
  /** Fence and key of what was on record before the fence was raised. */
  readonly #recordedBefore = new Set<string>();

  constructor(
    protected readonly bench: Bench,
    readonly credential: string,
    secretReadable: 'never' | 'always' = 'never',
  ) {
    this.vendor = new ModelVendor(() => bench.clock.now, `org-${credential}`, secretReadable);
    this.#began = bench.clock.now;
    this.stranger = this.vendor.make('somebody-elses');
    this.old = this.vendor.make('the-old-one');
  }

  /** Adopts the old key as generation 1 and opens the rotation to generation 2. */
  async open(strategy: 'overlap' | 'in-place', like: string): Promise<void> {
    const { database, clock, keys } = this.bench;
    await clock.show(database);
    await database.query(
      `insert into credentials (name, store, strategy, spec) select $1, store, $2, spec || jsonb_build_object('name', $1::text, 'strategy', $2::text)
       from credentials where name = $3`,
      [this.credential, strategy, like],
    );
    this.ledger = await openLedger(database);
    this.vault = new EnvelopeVault(sealedSecrets(database), keys);
    const { secret, id } = this.old;
    const version = {
      account: `org-${this.credential}`,
      keyId: id,
      keyName: id,
      fingerprint: secret.fingerprint,
      digest: secret.digest,
    };
    await this.ledger.adopt(this.credential, { ...version, secret: await this.vault.seal(secret), handedIn: null }, tester);
    await this.takeOver();
    const targets = this.run.spec.consumers.kind === 'list' ? this.run.spec.consumers.list : [];
    await createLedgerSteps(this.quietDeps()).freezePlan({
      step: this.step('plan', 'preparing'),
      targets,
      identities: { store: `org-${this.credential}`, hosts: {} },
    });
    this.run = await this.ledger.run(this.run.id);
  }

  /** Another run takes the rotation over; what the first one began is late from then on. */
  async takeOver(): Promise<Awaited<ReturnType<Ledger['open']>>> {
    await this.bench.clock.show(this.bench.database);
    const run = { credential: this.credential, options: { without: [] }, by: tester, ...anOrder(`run-${this.fence + 1}`) };
    await this.#keepRecorded();
    const opened = await this.ledger.open(run);
    this.run = opened.run;
    this.fence = opened.run.fence;
    this.#head = opened.head;
    this.#valid = null;
    return opened;
  }

  /** False when the ledger knows of something that may have been sent. */
  async startRollback(): Promise<boolean> {
    await this.bench.clock.show(this.bench.database);
    const step = this.step('turn-back', 'compensating');
    await this.#keepRecorded();
    try {
      this.#head = await this.ledger.turnBack(step, 'aborted');
    } catch (error) {
      if ((error as { code?: string }).code !== 'KR_BEYOND_RETURN') throw error;
      return false;
    }
    this.fence++;
    this.#valid = null;
    return true;
  }

  /**
   * Keeps which steps are on record before the fence is raised: whoever comes late may be told of
   * those, and has recorded nothing.
   */
  async #keepRecorded(): Promise<void> {
    const { rows } = await this.bench.database.query<{ key: string; fence: string }>(
      `select s.key, r.fence from steps s join runs r on r.id = s.run where r.credential = $1 and s.outcome is not null`,
      [this.credential],
    );
    for (const { key, fence } of rows) this.#recordedBefore.add(`${fence} ${key}`);
  }

  step(kind: string, phase: Phase, key: string = kind, subject: string | null = null): StepRef {
    return {
      run: this.run.id,
      credential: this.credential,
      fence: this.fence,
      head: this.#head,
      key,
      kind,
      phase,
      subject,
    };
  }

  /** Everything reached without a worker that stands still. */
  protected quietDeps(): Deps {
    const nobody = new Worker(0, this.fence, this.bench.clock);
    nobody.pass = async () => 'well';
    const store = this.vendor.seenBy(nobody);
    return {
      ledger: this.ledger,
      vault: this.vault,
      connectors: connectorsOf({ store }),
      resolve: () => Promise.reject(new Error('no reference is asked for here')),
    };
  }

  /** Moves of the story that is told: abort, a program that restarts, … */
  protected abstract moves(): readonly Move[];
  /** Whether the story has come to an end that needs no further attempt. */
  protected abstract over(): boolean;

  /**
   * Plays moves as the tape says, then lets everything come to rest: nothing fails any more, and
   * time goes by.
   */
  async play(tape: readonly number[]): Promise<void> {
    for (const choice of tape) {
      const moves = this.#moves();
      await this.#make(moves[choice % moves.length]!);
    }
    this.trace.push('--- nothing fails any more');
    for (let turn = 0; !this.over() || this.#living.length > 0; turn++) {
      if (turn > 400) throw new Error('it never comes to an end');
      await this.#make(this.calm());
    }
    // What may still land does so at its last moment, after everyone has stopped looking.
    for (const request of [...this.vendor.held]) {
      this.trace.push(`${request.kind} of worker ${request.by.number} lands at last`);
      this.vendor.landLate(request);
    }
  }

  /**
   * What happens next when nothing fails: all who stand go on in turn, the engine tries again, and
   * time goes by.
   */
  protected calm(): Move {
    const standing = this.#living.find((worker) => worker.gate);
    if (standing) return this.#go(standing, 'well');
    if (this.#mayStart()) return { name: 'time goes by, and the engine tries again', run: () => this.#startLater() };
    return { name: 'time goes by', run: () => this.bench.clock.advance(50) };
  }

  #startLater(): Promise<void> {
    this.bench.clock.advance(200);
    return this.#start();
  }

  get #living(): readonly Worker[] {
    return this.workers.filter((worker) => worker.live);
  }

  #moves(): readonly Move[] {
    const moves: Move[] = [];
    for (const worker of this.#living.filter((w) => w.gate)) {
      const well = this.#go(worker, 'well');
      moves.push(well, well, well, well);
      for (const way of worker.gate!.ways) moves.push(this.#go(worker, way));
    }
    const oldest = this.#living[0];
    if (oldest) moves.push({ name: `worker ${oldest.number} dies`, run: () => this.#kill(oldest) });
    for (const request of this.vendor.held)
      moves.push({ name: `${request.kind} of worker ${request.by.number} lands late`, run: () => this.vendor.landLate(request) });
    for (const milliseconds of [100, timing.request * 2 + timing.settle, 31_000])
      moves.push({ name: `${milliseconds} ms go by`, run: () => this.bench.clock.advance(milliseconds) });
    if (this.#mayStart())
      moves.push(...Array.from({ length: 3 }, () => ({ name: 'the engine tries', run: () => this.#start() })));
    return [...moves, ...this.moves()];
  }

  /**
   * The engine begins anew when the valid attempt has failed, or gives it up while it may still be
   * running.
   */
  #mayStart(): boolean {
    return this.task !== null && this.#living.length < mostWorkers;
  }

  async #make(move: Move): Promise<void> {
    this.trace.push(`${this.bench.clock.now - this.#began} ${move.name}`);
    this.bench.clock.advance(1);
    await move.run();
    await this.#hear();
  }

  #go(worker: Worker, way: string): Move {
    return { name: `worker ${worker.number}: ${worker.gate!.label} goes ${way}`, run: () => worker.go(way) };
  }

  #kill(worker: Worker): void {
    this.vendor.bury(worker);
    worker.dead = true;
  }

  async #start(): Promise<void> {
    const { task } = this;
    if (!task) return;
    const step = task.step();
    const worker = new Worker(this.workers.length + 1, step.fence, this.bench.clock);
    const deps = await worker.deps(this.bench.database, this.bench.keys, this.vendor);
    this.workers.push(worker);
    const valid: { worker: Worker; task: Task; result?: unknown } = { worker, task };
    this.#valid = valid;
    await worker.start(async () => {
      valid.result = await task.run(withOnce(deps), step);
      if (worker.fence !== this.fence && !this.#recordedBefore.has(`${worker.fence} ${step.key}`))
        throw new Error(`I6: worker ${worker.number} was told success under fence ${worker.fence}`);
    });
  }

  /** The engine hears only of the attempt that it counts on. */
  async #hear(): Promise<void> {
    for (const worker of this.workers) {
      const error = worker.ended?.error as { code?: string; message: string } | null | undefined;
      if (error && !error.code) throw error;
      if (error && worker.ended) this.#note(worker, error.code!);
    }
    const valid = this.#valid;
    if (!valid?.worker.ended || this.task !== valid.task) return;
    const error = valid.worker.ended.error as { code?: string } | null;
    if (error === null) {
      this.#valid = null;
      this.task = null;
      await valid.task.done(valid.result);
    } else if (!repeated.test(error.code ?? '')) {
      this.#valid = null;
      if (!(await valid.task.refused(error.code ?? ''))) throw valid.worker.ended.error;
    }
  }

  readonly #noted = new Set<Worker>();
  #note(worker: Worker, code: string): void {
    if (this.#noted.has(worker)) return;
    this.#noted.add(worker);
    this.trace.push(`  worker ${worker.number} ends with ${code}`);
  }
}
