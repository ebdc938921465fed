/**
 * Owns the signed heads of audit chains that are kept apart from the database: one JSON line each,
 * in a file that every worker appends to, and in the log.
 */
import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { readHeads } from '../activities/postgres/audit.js';
import type { Database } from '../activities/postgres/pool.js';
import { HeadChecker, type HeadSigner, type SignedHead } from '../activities/vault/head-signer.js';
import type { ChainHead } from '../workflows/domain/records.js';
import { log } from './logger.js';

/**
 * Milliseconds between two looks at all chains, for events that no end of a run follows. A query of
 * its own, not a part of any rotation.
 */
const lookEvery = 60_000;

export class HeadKeeper {
  readonly #kept = new Map<string, string>();
  #read = 0;
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly signer: HeadSigner | null,
    private readonly file: string | null,
  ) {
    if (!signer) log.warn('there is no audit key in the keys folder: heads of the audit trail are not signed');
  }

  /**
   * Never fails, since the event is committed: what cannot be written now is written at the next
   * look.
   */
  keep(credential: string, head: ChainHead): void {
    if (!this.signer || this.#kept.get(credential) === head.hash) return;
    const signed = this.signer.sign(credential, head, new Date());
    log.info({ head: signed }, 'head of the audit trail');
    try {
      // One write at the file's end: those of several workers never mix.
      if (this.file !== null) appendFileSync(this.file, `${JSON.stringify(signed)}\n`, { mode: 0o600 });
      this.#kept.set(credential, head.hash);
    } catch (error) {
      log.error({ code: (error as NodeJS.ErrnoException).code }, 'heads of the audit trail cannot be kept');
    }
  }

  /**
   * Looks at all chains now, and from time to time. A log alone is not told again at each start
   * what an earlier worker has logged.
   */
  async start(database: Database): Promise<void> {
    if (this.file === null) for (const { credential, hash } of await readHeads(database)) this.#kept.set(credential, hash);
    this.#looking = setInterval(() => void this.#look(database), lookEvery).unref();
    await this.#look(database);
  }

  async stop(database: Database): Promise<void> {
    clearInterval(this.#looking);
    await this.#look(database);
  }

  async #look(database: Database): Promise<void> {
    try {
      const heads = await readHeads(database);
      this.#catchUp();
      for (const { credential, ...head } of heads) this.keep(credential, head);
    } catch (error) {
      const { code = (error as Error).name } = error as NodeJS.ErrnoException;
      log.warn({ code }, 'heads of the audit trail cannot be looked at now');
    }
  }

  /** What other workers have kept is not kept again. */
  #catchUp(): void {
    if (this.file === null) return;
    const file = openSync(this.file, 'a+', 0o600);
    try {
      const { size } = fstatSync(file);
      // It was put aside, and begun anew.
      if (size < this.#read) this.#read = 0;
      const added = Buffer.alloc(size - this.#read);
      readSync(file, added, 0, added.length, this.#read);
      const whole = added.subarray(0, added.lastIndexOf('\n') + 1);
      this.#read += whole.length;
      for (const { credential, hash } of parse(whole.toString('utf8')).heads) this.#kept.set(credential, hash);
    } finally {
      closeSync(file);
    }
  }
}

/** What a file of heads holds. */
interface KeptHeads {
  readonly heads: readonly SignedHead[];
  /** Lines that are none, or are not signed by a key of ours: they prove nothing. */
  readonly others: number;
}

/** Null where nothing was ever kept. */
export function readKept(file: string, keysFolder: string): KeptHeads | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const checker = new HeadChecker(keysFolder);
  const { heads, others } = parse(text);
  const ours = heads.filter((head) => checker.isOurs(head));
  return { heads: ours, others: others + heads.length - ours.length };
}

function parse(text: string): KeptHeads {
  const lines = text.split('\n').filter((line) => line !== '');
  const heads = lines.flatMap((line) => headIn(line) ?? []);
  return { heads, others: lines.length - heads.length };
}

function headIn(line: string): SignedHead | null {
  try {
    const { credential, position, hash, at, key, signature } = JSON.parse(line) as Partial<SignedHead>;
    const whole =
      typeof position === 'number' && [credential, hash, at, key, signature].every((text) => typeof text === 'string');
    return whole ? ({ credential, position, hash, at, key, signature } as SignedHead) : null;
  } catch {
    return null;
  }
}
