/**
 * Owns one piece of the sandbox's state on disk: a JSON file that is always whole, because it is
 * replaced and never overwritten.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TIMING } from './timing.js';

export class Durable<T> {
  value: T;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly file: string,
    initial: () => T,
  ) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const stored = readIfExists(file);
    this.value = stored === undefined ? initial() : (JSON.parse(stored) as T);
    if (stored === undefined) this.save();
  }

  /**
   * Writes now. For what a caller may rely upon once it has our answer: keys, accounts, secrets.
   */
  save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    writeAtomically(this.file, JSON.stringify(this.value));
  }

  /** Writes soon. For what only grows, such as counters. */
  touch(): void {
    this.#timer ??= setTimeout(() => this.save(), TIMING.flush);
  }
}

/**
 * Replaces a file in one step: a reader, and a process that dies half-way, sees the old content or
 * the new one.
 */
export function writeAtomically(file: string, content: string, mode = 0o600): void {
  const aside = `${file}.${process.pid}.new`;
  writeFileSync(aside, content, { mode });
  renameSync(aside, file);
}

export function readIfExists(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
