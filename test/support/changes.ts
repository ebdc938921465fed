/**
 * Owns what tests of changes that keep the secret have in common: the command line, the keys as
 * their vendors show them, and a change that is begun.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { startWorkflow } from '../../client/messages.js';
import type { KeyChange } from '../../workflows/domain/credential.js';
import { rekey as run, type Said } from './command-line.js';
import type { Lane } from './lane.js';
import { tester } from './who.js';

export const exported = 'docspace/exports' as const;
export const search = 'algolia/search' as const;
export const first = ['files:read', 'files:write', 'rooms:read'];
export const narrower = ['files:write', 'rooms:read'];
export const wider = [...first, 'rooms:write'];

let lane: Lane;
export function useLane(started: Lane): Lane {
  lane = started;
  return lane;
}

/** A case that failed must not spoil the next one. */
export async function endAll(): Promise<void> {
  for (const credential of [exported, search])
    await lane.client.workflow
      .getHandle(`rotation/${credential}`)
      .terminate('the case is over')
      .catch(() => undefined);
}

export const rekey = (...args: string[]): Promise<Said> => run(lane, [...args, '--json']);

export const set = (name: string, ...args: string[]) => rekey('attributes', 'set', name, ...args);

/** As the vendor shows it, asked by ourselves and not by rekey. */
export async function atDocSpace(): Promise<{ id: string; permissions?: string[]; name: string; isActive: boolean }> {
  const keys = await portal<{ id: string; name: string; isActive: boolean }[]>('GET', '');
  const served = await servedId(exported);
  return keys.find(({ id }) => id === served)!;
}

export async function portal<Answer>(method: string, below: string, body?: object): Promise<Answer> {
  const management = (await lane.keys('docspace')).find(({ name }) => name === 'rekey management')!;
  const answer = await fetch(`${configured('docspace', 'url')}/api/2.0/keys${below}`, {
    method,
    headers: { authorization: `Bearer ${management.value}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return ((await answer.json()) as { response: Answer }).response;
}

export async function atAlgolia(): Promise<{ [field: string]: unknown }> {
  const known = await lane.keys('algolia');
  const admin = known.find(({ name }) => name.startsWith('Admin API Key'))!.value;
  const headers = { 'x-algolia-application-id': configured('algolia', 'appId'), 'x-algolia-api-key': admin };
  const answer = await fetch(`${configured('algolia', 'url')}/1/keys`, { headers });
  const { keys } = (await answer.json()) as { keys: { value: string }[] };
  const served = await servedId(search);
  return keys.find(({ value }) => value === known.find(({ id }) => id === served)!.value)!;
}

function configured(store: string, entry: string): string {
  const { stores } = parse(readFileSync(lane.config, 'utf8')) as { stores: { [store: string]: { [entry: string]: string } } };
  return stores[store]![entry]!;
}

async function servedId(credential: string): Promise<string> {
  const { rows } = await lane.database.query<{ key_id: string }>(
    `select key_id from versions where credential = $1 and state = 'active'`,
    [credential],
  );
  return rows[0]!.key_id;
}

export async function changesSent(): Promise<number> {
  const asked = await lane.ask<{ method: string; from: string }[]>('GET', '/requests?vendor=docspace');
  return asked.filter(({ method, from }) => method === 'PUT' && from === 'rekey').length;
}

export async function begin(change: KeyChange, accepted = false) {
  const order = { id: randomUUID(), credential: exported, options: { without: [], update: { change, accepted } }, by: tester };
  const place = { workflowId: `rotation/${exported}`, taskQueue: 'rekey', workflowTaskTimeout: '2s' } as const;
  return startWorkflow(lane.client, 'updateKey', order, place);
}

export const permissions = (wanted: readonly string[]): KeyChange => ({
  kind: 'set',
  name: null,
  active: null,
  attributes: { permissions: [...wanted] },
  resetUnspecified: false,
});

export const plant = (fault: object) =>
  lane.ask('POST', '/faults', { vendor: 'docspace', method: 'PUT', path: '/api/2.0/keys/', ...fault });

export async function expectNothingLost(vendor: string): Promise<void> {
  const traffic = (await lane.traffic()).filter((row) => row.vendor === vendor);
  expect(traffic.map(({ app, refused, lost }) => [app, refused, lost])).toEqual(traffic.map(({ app }) => [app, 0, 0]));
}
