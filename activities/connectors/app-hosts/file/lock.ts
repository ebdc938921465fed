/**
 * Owns the lock beside a consumer's file: one writer at a time among all workers of this machine,
 * and none that a dead one keeps.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { childEnvironment, runProgram } from '../../../ports/child.js';
import { codeOf } from '../../machines/errors.js';

const holderSchema = z.object({ token: z.string(), host: z.string(), pid: z.int(), started: z.string().nullable() });
type Holder = z.infer<typeof holderSchema>;

const askEvery = 50;
/**
 * The process ids of another machine or container say nothing here; a lock of theirs that is older
 * than any hand-out may last is left over.
 */
const foreignStale = 15 * 60_000;

/** Runs the work while holding the lock; waits for it as long as the signal allows. */
export async function withLock<T>(lock: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const mine: Holder = { token: randomUUID(), host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  while (!(await take(lock, mine))) {
    await breakIfStale(lock);
    if (signal.aborted) throw new RekeyError('KR_HOST_UNAVAILABLE', `${lock} is held by another writer`);
    await sleep(askEvery);
  }
  try {
    return await work();
  } finally {
    if ((await readHolder(lock))?.token === mine.token) await unlink(lock);
  }
}

/** A link appears with its content, so that no one ever reads a lock without a holder. */
async function take(lock: string, mine: Holder): Promise<boolean> {
  const aside = `${lock}.${mine.token}`;
  await writeFile(aside, JSON.stringify(mine), { mode: 0o600 });
  try {
    await link(aside, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(aside);
  }
}

/**
 * Moved aside before it is removed: if it turns out to be a newer one, taken in between, it is put
 * back.
 */
async function breakIfStale(lock: string): Promise<void> {
  const holder = await readHolder(lock);
  if (holder === undefined || !(await isStale(lock, holder))) return;
  const aside = `${lock}.${randomUUID()}`;
  try {
    await rename(lock, aside);
    if ((await readHolder(aside))?.token !== holder?.token) await link(aside, lock);
    await unlink(aside);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  }
}

async function isStale(lock: string, holder: Holder | null): Promise<boolean> {
  if (holder?.host === hostname()) return (await startOf(holder.pid)) !== holder.started;
  const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
  return Date.now() - mtimeMs > foreignStale;
}

/** Undefined: there is no lock. Null: it is not one of ours. */
async function readHolder(lock: string): Promise<Holder | null | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(lock, 'utf8')));
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : null;
  }
}

/**
 * When a process started, in the system's own terms, so that a pid that was given out again is not
 * taken for its former owner; null: it does not run.
 */
async function startOf(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    try {
      const fields = await readFile(`/proc/${pid}/stat`, 'utf8');
      const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
      // The name of the program, in parentheses, may hold anything; the start time is the 20th
      // field behind it.
      return `${boot.trim()} ${fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19]}`;
    } catch {
      return null;
    }
  }
  const { stdout } = await runProgram('ps', ['-o', 'lstart=', '-p', `${pid}`], { env: childEnvironment() }).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() || null;
}
