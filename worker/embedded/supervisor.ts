/**
 * Owns the children of `rekey up`: starts them, starts again what dies, writes down who they are,
 * and ends them in order.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { type ChildEnvironment, startProgram } from '../../activities/ports/child.js';
import type { Home, ServiceState } from './home.js';
import { endProcess, startedTicks } from './processes.js';

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: ChildEnvironment;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  /** SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT';
  /** Called before each start, also a repeated one: to clear what a killed predecessor left. */
  readonly prepare?: () => Promise<void>;
  /** Resolves when it serves. `firstLine` is the first line of its standard output. */
  readonly ready: (firstLine: Promise<string>) => Promise<void>;
}

/**
 * Milliseconds: the first wait before a restart, the longest, and how long a child must live for
 * the waits to begin anew.
 */
const backoff = { first: 100, longest: 5_000, forgottenAfter: 10_000 } as const;
const largestLog = 20 * 1024 * 1024;

export class Child {
  #process: ChildProcess | null = null;
  #state: ServiceState['state'] = 'starting';
  #restarts = 0;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    readonly spec: ChildSpec,
    private readonly home: Home,
    private readonly changed: () => void,
  ) {}

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get status(): ServiceState {
    return {
      pid: this.pid,
      startedTicks: startedTicks(this.pid),
      command: path.basename(this.spec.command),
      state: this.#state,
      restarts: this.#restarts,
    };
  }

  /**
   * Starts it and waits until it serves; from then on it is kept alive. Throws when it ends before
   * it ever served.
   */
  async start(): Promise<void> {
    await this.#launch();
    void this.#keepAlive();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill(this.spec.stopSignal ?? 'SIGTERM');
      await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, deadlineMs))]);
      await endProcess({ pid: this.pid, startedTicks: startedTicks(this.pid) }, 0);
    }
    this.#set('stopped');
  }

  async #launch(): Promise<void> {
    await this.spec.prepare?.();
    const log = openLog(path.join(this.home.logs, `${this.spec.name}.log`));
    const child = startProgram(this.spec.command, this.spec.args, {
      env: this.spec.env,
      stdio: ['ignore', 'pipe', log],
      ...(this.spec.cwd ? { cwd: this.spec.cwd } : {}),
      ...(this.spec.uid === undefined ? {} : { uid: this.spec.uid, gid: this.spec.gid! }),
      // Of its own group: a Ctrl-C in the terminal reaches `up` alone, which ends its children in
      // order.
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    this.changed();
    const died = new Promise<never>((_, reject) => {
      child.once('error', (error) => reject(error));
      child.once('exit', (code, signal) =>
        reject(
          new Error(
            `${this.spec.name} ended (${signal ?? code}) before it served; see ${path.join(this.home.logs, `${this.spec.name}.log`)}`,
          ),
        ),
      );
    });
    this.#ended = died.catch(() => undefined);
    const firstLine = readFirstLine(child);
    firstLine.catch(() => undefined);
    await Promise.race([this.spec.ready(firstLine), died]);
    this.#set('running');
  }

  async #keepAlive(): Promise<void> {
    let wait: number = backoff.first;
    for (;;) {
      const since = performance.now();
      await this.#ended;
      if (this.#stopping) return;
      if (performance.now() - since > backoff.forgottenAfter) wait = backoff.first;
      this.#set('restarting');
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, backoff.longest);
      if (this.#stopping) return;
      this.#restarts++;
      // One that does not come up has ended, too: the next turn tries again.
      await this.#launch().catch(() => endProcess({ pid: this.pid, startedTicks: startedTicks(this.pid) }, 0));
    }
  }

  #set(state: ServiceState['state']): void {
    this.#state = state;
    this.changed();
  }
}

/** Appends; a log that has grown large is put aside once, so that two files bound what is kept. */
function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > largestLog) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

/** The rest of standard output is read and dropped: a full pipe would stop the child. */
function readFirstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let found = false;
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      if (found) return;
      text += part;
      const end = text.indexOf('\n');
      if (end < 0) return;
      found = true;
      resolve(text.slice(0, end));
      text = '';
    });
    child.once('exit', () => reject(new Error('it ended')));
  });
}
