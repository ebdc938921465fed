/**
 * Owns what the suites need of the sandbox: connectors opened as the product opens them, and the
 * truth about what the vendor did.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { ConnectorContext } from '../../../activities/ports/connector.js';
import { Secret } from '../../../activities/ports/secret.js';
import { type RunningSandbox, WORKER } from '../../sandbox/support.js';
import type { KeyRow } from './expect.js';

export { changesNothing, expectNoSecret, failure, requestDeadline, throughLedger } from './expect.js';

export interface VendorKeyRow extends KeyRow {
  readonly vendor: string;
  readonly account?: string;
  readonly value: string;
}

export interface RequestRow {
  readonly id: number;
  readonly method: string;
  readonly path: string;
}

export function context(name: string, resolve?: ConnectorContext['resolve']): ConnectorContext {
  return {
    name,
    userAgent: WORKER,
    resolve: resolve ?? (async (reference) => new Secret(readFileSync(reference.replace(/^file:/, ''), 'utf8'))),
  };
}

/**
 * One entry of the rekey.yaml that the sandbox writes, without `kind`: what a user would have
 * written.
 */
export function declared(sandbox: RunningSandbox, section: 'stores' | 'hosts', name: string): Record<string, unknown> {
  const { kind: _, ...entry } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8'))[section][name];
  return entry;
}

export function keysOf(sandbox: RunningSandbox, vendor: string): Promise<VendorKeyRow[]> {
  return sandbox.tell('GET', `/keys?vendor=${vendor}`);
}

/** What rekey asked while `act` ran. */
export async function requestsOf(sandbox: RunningSandbox, vendor: string, act: () => Promise<unknown>): Promise<RequestRow[]> {
  const ours = `/requests?vendor=${vendor}&from=rekey`;
  const [newest]: RequestRow[] = await sandbox.tell('GET', `${ours}&last=1`);
  await act();
  return sandbox.tell('GET', `${ours}&after=${newest?.id ?? 0}`);
}
