/**
 * Owns the audit chain: every event carries the hash of the one before it, per credential, under
 * that credential's row lock.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { canonicalJson } from '../../workflows/domain/json.js';
import type { ChainHead, StepRef } from '../../workflows/domain/records.js';
import { system, type Who } from '../../workflows/domain/who.js';
import type { Asking, Queryable } from './pool.js';

export interface AuditEvent {
  readonly kind: string;
  readonly who: Who;
  readonly body: JsonObject;
}

interface AuditRow {
  readonly position: string;
  readonly at: Date;
  readonly kind: string;
  readonly who: Who;
  readonly body: JsonObject;
  readonly previous_hash: string;
  readonly hash: string;
}

/**
 * Appends within the caller's transaction; the row lock that it takes makes chains of one
 * credential wait for each other, and of two not.
 */
export async function appendAudit(client: Queryable, credential: string, event: AuditEvent): Promise<ChainHead> {
  const { rows } = await client.query(
    'select audit_position, audit_hash, clock_timestamp() as now from credentials where name = $1 for no key update',
    [credential],
  );
  const row = rows[0] as { audit_position: string; audit_hash: string; now: Date } | undefined;
  if (!row) throw new RekeyError('KR_NOT_FOUND', `credential ${credential}`);
  const position = Number(row.audit_position) + 1;
  // Milliseconds are all that survives the way through JavaScript, so they are all that is stored
  // and hashed.
  const at = new Date(row.now.getTime());
  const hash = hashOf({ credential, position, at, ...event, previous: row.audit_hash });
  await client.query(
    `with event as (
       insert into audit_events (credential, position, at, kind, who, body, previous_hash, hash) values ($1,$2,$3,$4,$5,$6,$7,$8)
       returning credential, position)
     insert into outbox (credential, position) select credential, position from event`,
    [credential, position, at, event.kind, event.who, event.body, row.audit_hash, hash],
  );
  await client.query('update credentials set audit_position = $2, audit_hash = $3 where name = $1', [credential, position, hash]);
  return { position, hash };
}

/** Who writes down what a run does by itself: the run. */
export const recordedBy = ({ run }: StepRef): Who => system(run);

export async function readHead(client: Asking, credential: string): Promise<ChainHead> {
  const { rows } = await client.query('select audit_position, audit_hash from credentials where name = $1', [credential]);
  const row = rows[0] as { audit_position: string; audit_hash: string };
  return { position: Number(row.audit_position), hash: row.audit_hash };
}

/** Throws KR_LEDGER_BEHIND when the ledger does not hold the event that the caller has seen. */
export async function requireHead(client: Queryable, credential: string, head: ChainHead | null): Promise<void> {
  if (!head) return;
  const { rowCount } = await client.query('select 1 from audit_events where credential = $1 and position = $2 and hash = $3', [
    credential,
    head.position,
    head.hash,
  ]);
  if (rowCount !== 1) throw new RekeyError('KR_LEDGER_BEHIND', `event ${head.position} of ${credential} is missing or another`);
}

/** The head of every chain that has one. */
export async function readHeads(client: Asking): Promise<readonly (ChainHead & { readonly credential: string })[]> {
  const { rows } = await client.query<{ name: string; audit_position: string; audit_hash: string }>(
    'select name, audit_position, audit_hash from credentials where audit_position > 0 order by name',
  );
  return rows.map((row) => ({ credential: row.name, position: Number(row.audit_position), hash: row.audit_hash }));
}

/** A head that was signed, and kept apart from the database since. */
export interface KeptHead extends ChainHead {
  readonly credential: string;
  readonly at: string;
}

export interface ChainReport {
  readonly credential: string;
  readonly events: number;
  /** The newest event whose head was kept apart; null where none was. */
  readonly signedTo: number | null;
  /** Null when the chain holds; else where it breaks first, in words. */
  readonly broken: string | null;
  readonly head: ChainHead;
}

/**
 * Recomputes every hash of every chain, and holds each against the heads that were kept of it:
 * whoever owns the database can build a chain anew with right hashes, and not what was signed.
 */
export async function verifyAudit(client: Asking, kept: readonly KeptHead[]): Promise<readonly ChainReport[]> {
  const heads = new Map((await readHeads(client)).map(({ credential, ...head }) => [credential, head]));
  const keptOf = new Map<string, KeptHead[]>();
  for (const head of kept) keptOf.set(head.credential, [...(keptOf.get(head.credential) ?? []), head]);
  const reports: ChainReport[] = [];
  for (const credential of [...new Set([...heads.keys(), ...keptOf.keys()])].sort()) {
    const { rows } = await client.query<AuditRow>('select * from audit_events where credential = $1 order by position', [
      credential,
    ]);
    const head = heads.get(credential) ?? emptyChain;
    const signed = keptOf.get(credential) ?? [];
    const broken = firstBreak(credential, rows, head) ?? firstOther(rows, signed);
    const signedTo = signed.length === 0 ? null : Math.max(...signed.map(({ position }) => position));
    reports.push({ credential, events: rows.length, signedTo, broken, head });
  }
  return reports;
}

const emptyChain: ChainHead = { position: 0, hash: '0'.repeat(64) };

function firstBreak(credential: string, rows: readonly AuditRow[], head: ChainHead): string | null {
  let previous = emptyChain.hash;
  for (const [index, row] of rows.entries()) {
    const position = index + 1;
    if (Number(row.position) !== position) return `event ${position} is missing`;
    if (row.previous_hash !== previous) return `event ${position} does not follow event ${index}`;
    const { at, kind, who, body } = row;
    if (hashOf({ credential, position, at, kind, who, body, previous }) !== row.hash) return `event ${position} was changed`;
    previous = row.hash;
  }
  return head.position === rows.length && head.hash === previous ? null : `the tail after event ${rows.length} was cut off`;
}

/** A ledger that was set back looks like one that was built anew: only a person can tell. */
function firstOther(rows: readonly AuditRow[], kept: readonly KeptHead[]): string | null {
  for (const { position, hash, at } of kept) {
    const found = rows[position - 1]?.hash;
    if (found === undefined) return `event ${position}, whose head was signed at ${at}, is gone`;
    if (found !== hash) return `event ${position} is not the one whose head was signed at ${at}`;
  }
  return null;
}

function hashOf(event: AuditEvent & { credential: string; position: number; at: Date; previous: string }): string {
  const text = canonicalJson([
    event.credential,
    event.position,
    event.at.toISOString(),
    event.kind,
    event.who as never,
    event.body,
    event.previous,
  ]);
  return createHash('sha256').update(`rekey:audit:v1:${text}`).digest('hex');
}
