/**
 * Owns the file in which a key lies until a person has put it into a program, and what stands
 * beside it: the last hand-out, and that person's word.
 */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Secret } from '../../../ports/secret.js';
import { fileFault, refusedFile } from '../../machines/errors.js';
import { type Memory, memoryOf, nothing, parseMemory } from '../../machines/memory.js';

/** Which key a person said that the program is on, and whether the program itself showed it. */
interface Said {
  readonly fingerprint: string;
  readonly shown: boolean;
}

export interface Remembered {
  readonly hands: Memory;
  /** Null from the moment a key is laid out until somebody says that the program has it. */
  readonly said: Said | null;
}

const said = z.object({ said: z.object({ fingerprint: z.string(), shown: z.boolean() }).nullable() });

/** Only the worker's account reads and writes them, and root. */
const ownerOnly = 0o600;
const writableByOthers = 0o022;

export class HandOver {
  constructor(
    readonly folder: string,
    readonly file: string,
  ) {}

  /** Throws KR_HOST_REFUSED where the folder is none in which a key may lie. */
  async check(): Promise<void> {
    const seen = await this.#tried(() => stat(this.folder), this.folder);
    if (!seen.isDirectory()) throw refusedFile(this.folder, 'it is not a folder');
    // Whoever can write there can put a key of his own in the place of ours.
    if ((seen.mode & writableByOthers) !== 0) throw refusedFile(this.folder, 'others may write into it: chmod go-w');
  }

  async remembered(): Promise<Remembered> {
    const file = memoryOf(this.file);
    const text = await this.#read(file);
    if (text === null) return { hands: nothing, said: null };
    const hands = parseMemory(text);
    if (hands === null)
      throw refusedFile(file, 'it remembers the last hand-out and cannot be read; if no rotation is under way, remove it');
    const word = said.safeParse(JSON.parse(text));
    return { hands, said: word.success ? word.data.said : null };
  }

  remember({ hands, said }: Remembered): Promise<void> {
    return this.#replace(memoryOf(this.file), `${JSON.stringify({ ...hands, said })}\n`);
  }

  /** The key that lies there; null where none does. */
  async key(): Promise<Secret | null> {
    const text = (await this.#read(this.file))?.trimEnd();
    return text ? new Secret(text) : null;
  }

  lay(key: Secret): Promise<void> {
    return this.#replace(this.file, `${key.reveal()}\n`);
  }

  clear(): Promise<void> {
    return this.#tried(() => rm(this.file, { force: true }), this.file);
  }

  #read(file: string): Promise<string | null> {
    return this.#tried(
      () =>
        readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : Promise.reject(error))),
      file,
    );
  }

  async #replace(file: string, text: string): Promise<void> {
    const aside = path.join(this.folder, `.rekey-${randomUUID()}`);
    await this.#tried(async () => {
      try {
        const handle = await open(aside, 'wx', ownerOnly);
        try {
          await handle.writeFile(text);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(aside, file);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    }, file);
  }

  async #tried<Result>(act: () => Promise<Result>, file: string): Promise<Result> {
    try {
      return await act();
    } catch (error) {
      throw fileFault(error, file);
    }
  }
}
