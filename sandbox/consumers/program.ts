/**
 * Owns what all consumer programs share: how they are started, switched on and off, and ended, and
 * how they show what they hold.
 */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprint } from './fingerprint.js';

/**
 * The first message that a program gets, over the channel to its process manager: nothing secret is
 * ever in its arguments or environment.
 */
export interface Start<Settings> {
  readonly traffic: boolean;
  /** How many times slower than usual it works. */
  readonly pace: number;
  /** How long the program takes until it reads its configuration. */
  readonly startDelay: number;
  /** A planted fault: this program does not come up. */
  readonly refuse: boolean;
  readonly settings: Settings;
}

/** What a program tells its process manager. */
export type Report = { readonly loaded: { readonly fingerprint: string; readonly tail: string } } | { readonly up: true };

export interface Running {
  /**
   * False once the program was asked to end: it finishes what it is doing, and takes on nothing
   * new.
   */
  readonly wanted: boolean;
  readonly traffic: boolean;
  readonly pace: number;
  /** Shows which secret the program holds from now on. */
  loaded(secret: string): void;
  up(): void;
}

/**
 * Runs a program until it returns or throws. Without its process manager it ends: nobody else would
 * ever end it.
 */
export function runProgram<Settings>(program: (settings: Settings, running: Running) => Promise<void>): void {
  const running = {
    wanted: true,
    traffic: false,
    pace: 1,
    loaded: (secret: string) => tell({ loaded: { fingerprint: fingerprint(secret), tail: secret.slice(-5) } }),
    up: () => tell({ up: true }),
  };
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => {
    running.wanted = false;
  });
  // Ctrl-C reaches the whole process group; the sandbox ends its programs itself, gracefully.
  process.on('SIGINT', () => {});
  // Whoever read our errors may be gone; that is no reason to end.
  process.stderr.on('error', () => {});

  process.once('message', async (start: Start<Settings>) => {
    running.traffic = start.traffic;
    running.pace = start.pace;
    process.on('message', (message: { traffic: boolean }) => {
      running.traffic = message.traffic;
    });
    await sleep(start.startDelay);
    try {
      if (start.refuse) throw new Exit(1, 'planted: this program does not come up');
      if (running.wanted) await program(start.settings, running);
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${process.argv[2]}: ${error instanceof Error ? error.message : error}\n`);
      process.exit(error instanceof Exit ? error.code : 1);
    }
  });
}

/** Ends the program with the exit code that the real one would use. */
export class Exit extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Does one piece of work after the other, never two at once, at a steady pace while there is to be
 * traffic.
 */
export async function atPace(running: Running, every: number, work: () => Promise<void>): Promise<void> {
  while (running.wanted) {
    const began = Date.now();
    if (running.traffic) await work();
    await sleep(Math.max(1, every * running.pace - (Date.now() - began)));
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const agent = new http.Agent({ keepAlive: true });

export function ask(url: string, options: http.RequestOptions, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, body: text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Asks until there is an answer: programs buffer what a vendor that is away cannot take. */
export async function askPatiently(
  running: Running,
  url: string,
  options: http.RequestOptions,
  body?: string,
): Promise<Answer | undefined> {
  for (;;) {
    try {
      return await ask(url, options, body);
    } catch {
      if (!running.wanted) return undefined;
      await sleep(200);
    }
  }
}

function tell(report: Report): void {
  if (process.connected) process.send?.(report);
}
