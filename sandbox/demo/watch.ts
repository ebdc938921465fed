/** Owns what the vendors of the sandbox saw: their keys, and the traffic of the programs. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Ready } from './rekey.js';

interface Traffic {
  readonly app: string;
  readonly vendor: string;
  readonly sent: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
}

export interface KeyShown {
  readonly vendor: string;
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly state: string;
}

/** What the programs of a vendor did meanwhile. */
export interface Seen {
  readonly requests: number;
  readonly refused: number;
  readonly failedLogins: number;
  readonly lost: number;
}

export const keysOf = (ready: Ready): Promise<readonly KeyShown[]> => get(ready, '/keys');

/** Counts from now on; ask it as often as wanted. */
export async function watchTraffic(ready: Ready, vendor: string): Promise<() => Promise<Seen>> {
  const read = async () => (await get<readonly Traffic[]>(ready, '/traffic')).filter((t) => t.vendor === vendor);
  const before = await read();
  return async () => {
    const now = await read();
    const sum = (of: (t: Traffic) => number) =>
      now.reduce((total, t) => total + of(t), 0) - before.reduce((total, t) => total + of(t), 0);
    return {
      requests: sum((t) => t.sent),
      refused: sum((t) => t.refused),
      failedLogins: sum((t) => t.failedLogins),
      lost: sum((t) => t.lost),
    };
  };
}

/** Management credentials of the simulators; addresses, names and ids of them are no secrets. */
export function secretsOf(ready: Ready): readonly string[] {
  const folder = path.join(path.dirname(ready.sandbox.config), 'secrets');
  return readdirSync(folder)
    .filter((name) => !name.endsWith('-id'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8').trim());
}

async function get<Answer>(ready: Ready, route: string): Promise<Answer> {
  return (await (await fetch(`${ready.sandbox.control}${route}`)).json()) as Answer;
}

export async function post(ready: Ready, route: string, body: object): Promise<void> {
  const response = await fetch(`${ready.sandbox.control}${route}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
}
