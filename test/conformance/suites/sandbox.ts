/** Owns what both suites need of the sandbox: connectors opened as the product opens them, and the truth about what the vendor did. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import type { ConnectorContext } from '../../../activities/ports/connector.js';
import { Secret } from '../../../activities/ports/secret.js';
import { errorCodes, RekeyError } from '../../../workflows/domain/errors.js';
import { type RunningSandbox, WORKER } from '../../sandbox/support.js';

export interface KeyRow {
  readonly vendor: string;
  readonly account?: string;
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly state: 'live' | 'disabled' | 'deleted';
}

export interface RequestRow {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly from: 'rekey' | 'app';
}

/** Deadline of one request in the suites, in milliseconds: long enough for an honest answer, short enough to wait it out often. */
export const requestDeadline = 400;

export function context(name: string, resolve?: ConnectorContext['resolve']): ConnectorContext {
  return {
    name,
    userAgent: WORKER,
    resolve: resolve ?? (async (reference) => new Secret(readFileSync(reference.replace(/^file:/, ''), 'utf8'))),
  };
}

/** One entry of the rekey.yaml that the sandbox writes, without `kind`: what a user would have written. */
export function declared(sandbox: RunningSandbox, section: 'stores' | 'hosts', name: string): Record<string, unknown> {
  const { kind: _, ...entry } = parse(readFileSync(path.join(sandbox.home, 'rekey.yaml'), 'utf8'))[section][name];
  return entry;
}

/** Settings go through the ledger as JSON before a connector is opened with them. */
export function throughLedger<T>(settings: T): T {
  return JSON.parse(JSON.stringify(settings));
}

export function keysOf(sandbox: RunningSandbox, vendor: string): Promise<KeyRow[]> {
  return sandbox.tell('GET', `/keys?vendor=${vendor}`);
}

/** What rekey asked while `act` ran. */
export async function requestsOf(sandbox: RunningSandbox, vendor: string, act: () => Promise<unknown>): Promise<RequestRow[]> {
  const all = async (): Promise<RequestRow[]> =>
    (await sandbox.tell('GET', `/requests?vendor=${vendor}`)).filter((r: RequestRow) => r.from === 'rekey');
  const last = (await all()).at(-1)?.id ?? 0;
  await act();
  return (await all()).filter((r) => r.id > last);
}

export async function failure(promise: Promise<unknown>): Promise<RekeyError> {
  const reason = await promise.then(
    (answer) => new Error(`it was answered: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(RekeyError);
  return reason as RekeyError;
}

/** Codes that say "nothing happened" must not be used for anything else. */
export function changesNothing(error: RekeyError): boolean {
  return errorCodes[error.code].effect === 'none';
}

/** Fails if the text shows any of the secrets, or eight characters of one in a row. */
export function expectNoSecret(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    for (let at = 0; at + 8 <= secret.length; at++) expect(text).not.toContain(secret.slice(at, at + 8));
  }
}
