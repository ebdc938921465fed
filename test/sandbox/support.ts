/**
 * Owns how the tests start, ask and end a sandbox: as a process of its own, from the compiled
 * files, in a folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export const SANDBOX = path.resolve('dist/sandbox/main.js');
export const CTL = path.resolve('dist/sandbox/ctl.js');

/** How a worker of rekey names itself; this pid is nobody's. */
export const WORKER = 'rekey/0.1.0 (elsewhere; 4194303)';

export interface Vendors {
  readonly datadog: { url: string; intakeUrl: string; management: { apiKey: string; applicationKey: string } };
  readonly soar: { url: string; orgId: number; orgName: string; management: { keyId: string; keySecret: string } };
  readonly docspace: { url: string; management: { token: string } };
  readonly algolia: {
    url: string;
    appId: string;
    hosts: Readonly<Record<'write' | 'dsn' | '1' | '2' | '3', string>>;
    management: { adminKey: string };
  };
  readonly dnn: { url: string; site: string; management: { token: string } };
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the shape of an answer is what the tests are about
  readonly body: any;
}

export interface TrafficRow {
  readonly app: string;
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
  readonly fingerprint: string | null;
  readonly downMs: number;
}

export class RunningSandbox {
  constructor(
    readonly home: string,
    readonly child: ChildProcess,
    readonly control: string,
    readonly vendors: Vendors,
  ) {}

  async ask(method: string, where: string, body?: unknown): Promise<Reply> {
    return request(method, `${this.control}${where}`, {}, body);
  }

  /** Answers what was asked, or fails. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async tell(method: string, where: string, body?: unknown): Promise<any> {
    const reply = await this.ask(method, where, body);
    if (reply.status !== 200) throw new Error(`${method} ${where} was answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  async traffic(app: string): Promise<TrafficRow> {
    const rows: TrafficRow[] = await this.tell('GET', '/traffic');
    return rows.find((row) => row.app === app)!;
  }

  /**
   * A fresh account, as `POST /reset` takes it; the addresses stay, the credentials are read anew.
   */
  async reset(planted = {}): Promise<Vendors> {
    await this.tell('POST', '/reset', planted);
    return this.current();
  }

  /** The credentials of now, as far as they stand in the ready line. */
  current(): Vendors {
    const secret = (name: string) => readFileSync(path.join(this.home, 'secrets', name), 'utf8');
    const { vendors, home } = this;
    // Of vendors that are not simulated there is nothing to read, so each is read when it is asked
    // for.
    return {
      get datadog() {
        const management = { apiKey: secret('datadog-api-key'), applicationKey: secret('datadog-application-key') };
        return { ...vendors.datadog, management };
      },
      get soar() {
        return { ...vendors.soar, management: { keyId: secret('soar-key-id'), keySecret: secret('soar-key-secret') } };
      },
      get docspace() {
        return { ...vendors.docspace, management: { token: secret('docspace-token') } };
      },
      get algolia() {
        const appId = /appId: (\w+)/.exec(readFileSync(path.join(home, 'rekey.yaml'), 'utf8'))![1]!;
        return { ...vendors.algolia, appId, management: { adminKey: secret('algolia-admin-key') } };
      },
      get dnn() {
        return { ...vendors.dnn, management: { token: secret('dnn-host-token') } };
      },
    };
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }

  /** For afterAll. */
  async remove(): Promise<void> {
    await this.end();
    rmSync(this.home, { recursive: true, force: true });
  }
}

export async function startSandbox(
  vendors: readonly string[] = ['datadog', 'soar'],
  home = mkdtempSync(path.join(tmpdir(), 'rekey-sandbox-')),
  ...options: readonly string[]
): Promise<RunningSandbox> {
  const args = [SANDBOX, '--home', home, '--vendors', vendors.join(','), '--json', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]) => line as string),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the sandbox ended with ${code}`))),
  ]);
  const ready = JSON.parse(first);
  return new RunningSandbox(home, child, ready.control, ready.vendors);
}

/** One whose programs do not run before a reset asks for some. */
export const startIdleSandbox = (...vendors: string[]): Promise<RunningSandbox> => startSandbox(vendors, undefined, '--idle');

export async function request(method: string, url: string, headers: Record<string, string>, body?: unknown): Promise<Reply> {
  const json = body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const response = await fetch(url, { method, headers: { 'content-type': 'application/json', ...headers }, ...json });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parse(text) };
}

export async function until(what: string, condition: () => boolean | Promise<boolean>, deadline = 60_000): Promise<void> {
  const end = Date.now() + deadline;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${deadline} ms in vain: ${what}`);
    await sleep(20);
  }
}

export function datadogHeaders({ datadog }: Vendors): Record<string, string> {
  return { 'dd-api-key': datadog.management.apiKey, 'dd-application-key': datadog.management.applicationKey };
}

export function basic(id: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
}

export function bearer(value: string): Record<string, string> {
  return { authorization: `Bearer ${value}` };
}

export function soarHeaders({ soar }: Vendors): Record<string, string> {
  return basic(soar.management.keyId, soar.management.keySecret);
}

export function docspaceHeaders({ docspace }: Vendors): Record<string, string> {
  return { authorization: `Bearer ${docspace.management.token}` };
}

export function algoliaHeaders({ algolia }: Vendors, key = algolia.management.adminKey): Record<string, string> {
  return { 'x-algolia-application-id': algolia.appId, 'x-algolia-api-key': key };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
