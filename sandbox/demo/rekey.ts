/** Owns the demo's rekey: `up` and `rotate` as child processes, what they said, and their end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const program = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

export interface Ready {
  readonly temporal: string;
  readonly database: string;
  readonly sandbox: { readonly control: string; readonly config: string };
}

export interface RotateLine {
  readonly strategy: string;
  readonly outcome: string;
  readonly downtimeMs: number | null;
  readonly seconds: number;
  readonly activities: number;
  readonly historyEvents: number;
}

/** What `incident open --wait` says in the end. */
export interface IncidentLine {
  readonly incident: string;
  readonly selected: number;
  readonly done: number;
  readonly timeToRevokedMs: { readonly median: number | null; readonly p95: number | null; readonly last: number | null };
  readonly keys: readonly {
    readonly credential: string;
    readonly outcome: string | null;
    readonly reportedAt: string;
    readonly deadAt: string | null;
  }[];
}

export interface Found {
  readonly way: 'rotate' | 'contain';
  /** Goes to its standard input. */
  readonly report: string;
  /** Credentials whose served keys leaked, too. */
  readonly named: readonly string[];
}

export class Rekey {
  #up: ChildProcess | null = null;
  #running: ChildProcess | null = null;
  #ready: Ready | null = null;
  /**
   * All that was printed, to be searched for secrets. The ready line is left out: it carries the
   * simulators' own, on purpose.
   */
  readonly said: string[] = [];

  constructor(
    readonly home: string,
    private readonly vendors: readonly string[],
    private readonly say: (line: string) => void,
  ) {}

  async start(): Promise<Ready> {
    const up = program('worker/commands/up.js');
    if (!existsSync(up)) throw new Error('it is not built; run `npm ci` first');
    this.say('starting PostgreSQL, Temporal, a worker, and a sandbox with live traffic …');
    // Of its own process group: a Ctrl-C is for the demo, which ends the rest in order.
    this.#up = spawn(process.execPath, [up, '--sandbox', '--vendors', this.vendors.join(','), '--json'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#listen(this.#up);
    const line = JSON.parse(await firstLine(this.#up)) as Ready & { error?: { message: string } };
    if (line.error) throw new Error(line.error.message);
    this.#ready = line;
    return line;
  }

  /** Rotates and shows each step; the last line of its output is what is known of it. */
  rotate(credential: string): Promise<RotateLine> {
    return this.#run(['rotate', credential, '--wait', '--json']);
  }

  /** Answers for keys that were found, and waits until they are dead and replaced. */
  openIncident({ way, report, named }: Found): Promise<IncidentLine> {
    const keys = named.flatMap((name) => ['--key', name]);
    const why = ['--reason', 'found in a made-up report'];
    return this.#run(['incident', 'open', '--leaked', '-', ...keys, `--${way}`, ...why, '--yes', '--wait', '--json'], report);
  }

  async #run<Line>(args: readonly string[], input = ''): Promise<Line> {
    const child = spawn(process.execPath, [program('client/main.js'), ...args], {
      env: this.#env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#running = child;
    this.#listen(child);
    // It may end without reading what it is given.
    child.stdin!.on('error', () => undefined).end(input);
    let out = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text));
    await once(child, 'close');
    this.said.push(out);
    const line = JSON.parse(out.trim().split('\n').at(-1) || '{}') as Line & { error?: { message: string } };
    if (line.error) throw new Error(line.error.message);
    return line;
  }

  /** Ids of the keys that the ledger serves. */
  async servedKeys(): Promise<readonly string[]> {
    return (await this.query<{ key_id: string }>(`select key_id from key_status where state <> 'revoked'`)).map(
      (row) => row.key_id,
    );
  }

  async query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const url = new URL(this.#ready!.database);
    url.password = readFileSync(path.join(this.home, 'keys', 'postgres-password'), 'utf8').trim();
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** `up` ends its own children in order; it is given the time for that. */
  async stop(): Promise<void> {
    for (const child of [this.#running, this.#up]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 40_000).unref())]);
    }
  }

  get #env(): NodeJS.ProcessEnv {
    // What is set for another installation must not reach this one.
    const { DATABASE_URL: _, TEMPORAL_ADDRESS: __, REKEY_KEYS: ___, REKEY_DATABASE_PASSWORD_FILE: ____, ...rest } = process.env;
    return { ...rest, REKEY_HOME: this.home };
  }

  #listen(child: ChildProcess): void {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said.push(text);
      for (const line of text.split('\n')) if (line.trim()) this.say(`   ${line}`);
    });
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', (code) => reject(new Error(`rekey up ended with ${code}: ${text.trim()}`)));
  });
}
