/** Owns the key files of a machine: beside, never in, the database. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { RekeyError } from '../../workflows/domain/errors.js';
import { readOwnFile } from '../ports/own-file.js';

/**
 * Reads `<kind>-<id>.key` files (32 bytes, base64) afresh, so that a key that was put there is
 * found without a restart.
 */
export class KeyFolder {
  constructor(
    private readonly folder: string,
    private readonly kind: 'vault' | 'codec',
  ) {}

  ids(): readonly string[] {
    const pattern = new RegExp(`^${this.kind}-([0-9a-z]+)\\.key$`);
    return readdirSync(this.folder)
      .flatMap((name) => pattern.exec(name)?.[1] ?? [])
      .sort();
  }

  get(id: string): Buffer {
    const text = readOwnFile(path.join(this.folder, `${this.kind}-${id}.key`));
    if (text === null)
      throw new RekeyError('KR_VAULT_KEY_MISSING', `the key ${this.kind}-${id} is not in the keys folder of this machine`);
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== 32) throw new RekeyError('KR_VAULT_KEY_MISSING', `the key file ${this.kind}-${id} does not hold 32 bytes`);
    return key;
  }
}
