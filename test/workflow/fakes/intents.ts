/**
 * Owns the intents of a fake ledger: what was begun, by which attempt, and what it is known to have
 * come to.
 */
import { randomUUID } from 'node:crypto';
import type { StepRef } from '../../../workflows/domain/records.js';

export interface Intent {
  readonly key: string;
  readonly kind: string;
  readonly subject: string | null;
  readonly attempt: string;
  readonly tag: string;
  /** Settled by a person alone. */
  readonly asked: boolean;
  closed: 'applied' | 'superseded' | 'not-sent' | null;
}

export function beginIntent(intents: Intent[], { key, kind, subject }: StepRef, asked: boolean): Intent {
  for (const earlier of intents) if (earlier.key === key && earlier.closed === null) earlier.closed = 'superseded';
  const attempt = randomUUID();
  const intent: Intent = { key, kind, subject, attempt, tag: `rekey-${attempt.slice(0, 13)}`, asked, closed: null };
  intents.push(intent);
  return intent;
}

/** A guard refused: neither this attempt nor the earlier ones of its kind have sent anything. */
export function closeNotSent(intents: readonly Intent[], kind: string): void {
  for (const intent of intents) if (intent.kind === kind && intent.closed !== 'applied') intent.closed = 'not-sent';
}

/** What may have been sent. */
export function sentOf(intents: readonly Intent[], kind: string): readonly Intent[] {
  return intents.filter((intent) => intent.kind === kind && intent.closed !== 'not-sent');
}

export function subjectsOf(intents: readonly Intent[], kind: string): readonly string[] {
  return [...new Set(sentOf(intents, kind).flatMap((intent) => intent.subject ?? []))].sort();
}

/** The step of the newest revoke or regenerate on the way forward that may have been sent. */
export function crossed(intents: readonly Intent[]): string | null {
  const crossing = ({ kind, key, closed }: Intent) =>
    (kind === 'revoke' || kind === 'regenerate' || kind === 'contain') &&
    !key.startsWith('revoke/back-') &&
    closed !== 'not-sent';
  return intents.findLast(crossing)?.key ?? null;
}
