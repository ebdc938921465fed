/** Owns what all suites ask of errors and texts, and how they wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { errorCodes } from '../../../workflows/domain/error-codes.js';
import { RekeyError } from '../../../workflows/domain/errors.js';

/** A key as the vendor itself knows it. */
export interface KeyRow {
  readonly id: string;
  readonly name: string;
  /** Null where the vendor knows no more than a hash of it. */
  readonly value: string | null;
  readonly state: 'live' | 'disabled' | 'deleted';
}

/**
 * Deadline of one request where a suite waits it out, in milliseconds: long enough for an honest
 * answer on a busy machine, too.
 */
export const requestDeadline = 1_000;

export const never = (): AbortSignal => new AbortController().signal;

export async function until(what: string, condition: () => boolean | Promise<boolean>, deadline = 60_000): Promise<void> {
  for (const end = performance.now() + deadline; !(await condition()); await sleep(20))
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain: ${what}`);
}

/** Settings go through the ledger as JSON before a connector is opened with them. */
export function throughLedger<T>(settings: T): T {
  return JSON.parse(JSON.stringify(settings));
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
  const shown = new Set(windowsOf(text));
  expect(secrets.flatMap((secret) => windowsOf(secret).filter((window) => shown.has(window)))).toEqual([]);
}

/** All runs of eight characters. */
const windowsOf = (text: string): readonly string[] =>
  Array.from({ length: Math.max(0, text.length - 7) }, (_, at) => text.slice(at, at + 8));
