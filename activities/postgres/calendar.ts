/**
 * Owns what the ledger knows of time: which credentials are due, and which rotations are open and
 * want to run.
 */
import type { CredentialSpec } from '../../workflows/domain/credential.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { roomOf } from '../../workflows/domain/leave.js';
import type { DueRun, Underway } from '../../workflows/domain/planner.js';
import type { OnlyIf, OpenOrder } from '../../workflows/domain/records.js';
import type { Outcome, RunKind } from '../../workflows/domain/states.js';
import { system } from '../../workflows/domain/who.js';
import { appendAudit } from './audit.js';
import { lockCredential } from './locks.js';
import type { Asking, Queryable } from './pool.js';

/**
 * A rotation that did not complete is tried again after this long, in milliseconds, or after
 * `every` where that is shorter.
 */
const retryAfter = 60 * 60_000;

/** Credentials whose time has come and that have no open rotation, the longest overdue first. */
export async function readDue(
  client: Asking,
): Promise<readonly (DueRun & { readonly window: string | null; readonly room: number })[]> {
  const { rows } = await client.query<Omit<DueRun, 'options'> & Pick<CredentialSpec, 'policy'>>(
    `select name as credential, store, strategy as sequence, spec->'policy' as policy from credentials c
     where declared and next_due <= clock_timestamp() and not exists (select 1 from runs r where r.credential = c.name and r.outcome is null)
     order by next_due`,
  );
  return rows.map(({ policy, ...row }) => ({ ...row, window: policy.window, room: roomOf(policy), options: { without: [] } }));
}

/** Counted in one statement, so that the numbers belong together. */
export async function readUnderway(client: Asking): Promise<Underway> {
  const { rows } = await client.query<Underway>(
    `select (select count(*)::int from runs where outcome is null) as open,
       (select count(*)::int from runs where trigger = 'schedule' and opened_at > clock_timestamp() - interval '1 minute') as begun,
       (select coalesce(jsonb_object_agg(store, busy), '{}') from (
          select c.store, count(*)::int as busy from runs r join credentials c on c.name = r.credential
          where r.outcome is null and not exists (select 1 from waits w where w.run = r.id and w.ended_at is null and w.person)
          group by c.store) at_store) as "busyAt"`,
  );
  return rows[0]!;
}

/**
 * Every open rotation, with what it was asked for with: the same order takes it over. `silent`: it
 * does not get on, and nobody was told of that.
 */
export async function readOpen(
  client: Asking,
): Promise<readonly { readonly order: OpenOrder; readonly run: string; readonly silent: boolean }[]> {
  const { rows } = await client.query<OpenOrder & { run: string; silent: boolean }>(
    `select credential, case kind when 'rotate' then strategy else kind end as sequence, options, id as run,
       is_silent(id) and stalled_since is distinct from last_progress(id) as silent
     from runs where outcome is null order by opened_at`,
  );
  return rows.map(({ run, silent, ...order }) => ({ order, run, silent }));
}

/** Once for each time that a rotation stops getting on; judged again under its lock. */
export async function reportStall(client: Queryable, run: string, credential: string): Promise<void> {
  await lockCredential(client, credential);
  const { rows } = await client.query(
    `update runs set stalled_since = last_progress(id)
     where id = $1 and outcome is null and is_silent(id) and stalled_since is distinct from last_progress(id)
     returning phase, iso(stalled_since) as since`,
    [run],
  );
  const stalled = rows[0] as { phase: string; since: string } | undefined;
  if (stalled) await appendAudit(client, credential, { kind: 'stalled', who: system('sweep'), body: { run, ...stalled } });
}

/**
 * The sweep and the planner act on what they read a moment ago: a rotation that nobody asked for
 * must not be opened.
 */
export async function requireCalledFor(client: Queryable, credential: string, onlyIf: OnlyIf | undefined): Promise<void> {
  const due = 'select 1 from credentials where name = $1 and next_due <= clock_timestamp()';
  if (onlyIf === undefined || (onlyIf === 'due' && (await client.query(due, [credential])).rowCount === 1)) return;
  throw new RekeyError('KR_NOT_CALLED_FOR', `${credential} is not ${onlyIf} any more`);
}

/**
 * A version has just become the one to use, or the policy is another: the next due date is counted
 * from the version's age.
 */
export async function scheduleFromVersion(client: Queryable, credential: string): Promise<void> {
  await client.query(
    `update credentials c set next_due = (select due_after(made_at, c.spec->'policy') from versions v where v.credential = c.name and v.state = 'active') where name = $1`,
    [credential],
  );
}

/**
 * What a rotation that has ended means for the next due date; a key that was changed is as old as
 * before.
 */
export async function scheduleAfter(client: Queryable, credential: string, kind: RunKind, outcome: Outcome): Promise<void> {
  if (kind !== 'rotate') return;
  await (outcome === 'completed' ? scheduleFromVersion : scheduleAgain)(client, credential);
}

/**
 * A rotation has ended without a new version: it is tried again, but not at once. A date that lies
 * ahead stays.
 */
async function scheduleAgain(client: Queryable, credential: string): Promise<void> {
  await client.query(
    `update credentials set next_due = greatest(next_due, clock_timestamp() + least((spec->'policy'->>'every')::bigint, $2) * interval '1 millisecond')
     where name = $1 and next_due is not null`,
    [credential, retryAfter],
  );
}

/** Whether the due date depends on something that differs. */
export function changesDue(before: CredentialSpec | undefined, after: CredentialSpec): boolean {
  return before?.policy.every !== after.policy.every || before?.policy.jitter !== after.policy.jitter;
}

export async function readNow(database: Asking): Promise<number> {
  const { rows } = await database.query<{ now: string }>('select extract(epoch from clock_timestamp()) * 1000 as now');
  return Number(rows[0]!.now);
}
