/**
 * Owns the processes of one consumer: starts them, ends them, starts them again when they die, as
 * systemd or Kubernetes would.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { TIMING } from '../timing.js';
import type { Report, Start } from './program.js';

/** A program and how its platform runs it. */
export interface ConsumerSpec {
  readonly app: string;
  readonly vendor: string;
  /** The compiled file of the program. */
  readonly program: string;
  /** What follows the app's name on the command line; nothing secret. */
  readonly args: readonly string[];
  readonly startDelay: number;
  /** Asked at each start: addresses, and the secrets that the platform hands over. */
  readonly settings: () => unknown;
  /**
   * The first delay before a dead process is started again; it doubles up to a limit until one
   * comes up.
   */
  readonly restartDelay: number;
  /**
   * One instance in the output of its machine's status command; absent where the platform is not a
   * machine.
   */
  readonly describe?: (instance: Instance) => string;
  /** From where it reads its key at the start; absent where its platform hands the key over. */
  readonly source?: { readonly read: () => string | null; readonly write: (key: string) => void };
}

export interface Instance {
  readonly pid: number;
  readonly startedAt: Date;
  /** Undefined until the process has read its configuration. */
  loaded?: { readonly fingerprint: string; readonly tail: string };
  up: boolean;
}

/** What the sandbox wants to know about the processes that come and go. */
export interface Watcher {
  readonly traffic: () => boolean;
  readonly pace: number;
  started(pid: number): void;
  ended(pid: number): void;
  changed(consumer: Consumer): void;
}

interface Process extends Instance {
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
}

export class Consumer {
  /** Restarts since the last start that was asked for. */
  restarts = 0;
  lastExitCode: number | null = null;
  /** A planted fault: no process comes up any more. Those that run go on. */
  refuse = false;
  count = 1;
  /** How many processes in a row have ended before they were up. */
  failures = 0;
  #wanted = false;
  #dismissed = false;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #processes = new Set<Process>();

  constructor(
    readonly spec: ConsumerSpec,
    private readonly watcher: Watcher,
  ) {}

  /** The oldest first. */
  get instances(): Instance[] {
    return [...this.#processes];
  }

  get running(): Instance[] {
    return this.instances.filter((instance) => instance.up);
  }

  /** Resolves when all instances are up; fails as soon as one ends instead, or at the deadline. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  /** Lets the programs finish what they are doing. Resolves when no process is left. */
  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop('SIGTERM'));
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop('SIGTERM');
      await this.#start();
    });
  }

  /** Ends everything at once and for good: whoever still holds this consumer can start nothing. */
  dismiss(): Promise<void> {
    this.#dismissed = true;
    this.crash();
    return this.#inTurn(() => this.#stop('SIGKILL'));
  }

  /**
   * Brings the number of instances to `count`, as an autoscaler does: new ones start from the
   * source.
   */
  scale(count: number): Promise<void> {
    return this.#inTurn(async () => {
      this.count = count;
      const surplus = [...this.#processes].slice(count);
      for (const { child } of surplus) child.kill('SIGTERM');
      await Promise.all(surplus.map(({ exited }) => exited));
      if (this.#wanted) await this.#start();
    });
  }

  /** The processes die at once; what comes after is the platform's doing. */
  crash(): void {
    for (const { child } of this.#processes) child.kill('SIGKILL');
  }

  tellTraffic(on: boolean): void {
    for (const { child } of this.#processes) if (child.connected) child.send({ traffic: on });
  }

  async #start(): Promise<void> {
    if (this.#dismissed) throw new Error(`${this.spec.app} is gone`);
    this.#wanted = true;
    this.restarts = 0;
    this.failures = 0;
    this.lastExitCode = null;
    const missing = Math.max(0, this.count - this.#processes.size);
    for (let i = 0; i < missing; i++) this.#spawn();
    const deadline = Date.now() + TIMING.consumers.startDeadline;
    while (this.running.length < this.count) {
      if (this.lastExitCode !== null)
        throw new Error(`${this.spec.app} ended with exit code ${this.lastExitCode} instead of coming up`);
      if (Date.now() > deadline) throw new Error(`${this.spec.app} did not come up within ${TIMING.consumers.startDeadline} ms`);
      await sleep(10);
    }
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    await Promise.all([...this.#processes].map((process) => endProcess(process, signal)));
  }

  #spawn(): void {
    const { app, program, args, startDelay, settings } = this.spec;
    const child = fork(program, [app, ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: {} });
    const exited = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 137)));
    const process: Process = { child, exited, pid: child.pid!, startedAt: new Date(), up: false };
    this.#processes.add(process);
    this.watcher.started(process.pid);
    child.on('message', (report: Report) => this.#heard(process, report));
    // A process that is killed while we write to it is reported by its exit.
    child.on('error', () => {});
    child.send({
      traffic: this.watcher.traffic(),
      pace: this.watcher.pace,
      startDelay,
      refuse: this.refuse,
      settings: settings(),
    } satisfies Start<unknown>);
    void exited.then((code) => this.#ended(process, code));
  }

  #heard(process: Process, report: Report): void {
    if ('loaded' in report) process.loaded = report.loaded;
    else process.up = true;
    if (process.up) this.failures = 0;
    this.watcher.changed(this);
  }

  async #ended(process: Process, code: number): Promise<void> {
    this.#processes.delete(process);
    this.watcher.ended(process.pid);
    if (this.#wanted) this.lastExitCode = code;
    this.watcher.changed(this);
    if (!this.#wanted || this.#dismissed) return;
    const delay = Math.min(this.spec.restartDelay * 2 ** this.failures, TIMING.consumers.restartDelayLimit);
    if (!process.up) this.failures += 1;
    await sleep(delay);
    if (!this.#wanted || this.#dismissed || this.#processes.size >= this.count) return;
    this.restarts += 1;
    this.#spawn();
  }

  /** One order at a time: a stop that overtakes a start would leave a process behind. */
  #inTurn<T>(order: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(order);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

async function endProcess({ child, exited }: Process, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const tooLong = setTimeout(() => child.kill('SIGKILL'), TIMING.consumers.stopGrace);
  await exited;
  clearTimeout(tooLong);
}
