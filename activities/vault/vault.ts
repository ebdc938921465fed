/**
 * Owns the envelope encryption of secret values: a data key for each value, wrapped by a master key
 * that has an id. It stores nothing itself.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { RekeyError } from '../../workflows/domain/errors.js';
import { Secret } from '../ports/secret.js';
import type { NewSecret, SealedSecret, SealedSecrets, Vault } from '../ports/vault.js';
import { decrypt, encrypt } from './aes.js';
import type { KeyFolder } from './key-folder.js';

export class EnvelopeVault implements Vault {
  constructor(
    private readonly values: SealedSecrets,
    private readonly keys: KeyFolder,
  ) {}

  async seal(secret: Secret): Promise<NewSecret> {
    requireStrength(secret);
    const [ref, dataKey] = [randomUUID(), randomBytes(32)];
    const sealed = encrypt(dataKey, Buffer.from(secret.reveal(), 'utf8'), `value:${ref}`);
    const wrapped = (masterKey: string): SealedSecret => ({
      ref,
      masterKey,
      wrappedKey: encrypt(this.keys.get(masterKey), dataKey, wrapping(ref, masterKey)),
      sealed,
    });
    const first = wrapped(await this.values.masterKey(() => this.#firstKey()));
    const stays = (masterKey: string) => masterKey === first.masterKey || !this.keys.ids().includes(masterKey);
    return { ...first, under: (masterKey) => (stays(masterKey) ? first : wrapped(masterKey)) };
  }

  async open(ref: string): Promise<Secret> {
    const value = await this.values.find(ref);
    // References are made by commits: one that leads to nothing was lost with them.
    if (!value) throw new RekeyError('KR_LEDGER_BEHIND', `the vault does not know ${ref}`);
    return this.#opened(value);
  }

  async keep(secret: Secret): Promise<string> {
    const value = await this.seal(secret);
    await this.values.store(value);
    return value.ref;
  }

  discard(ref: string): Promise<void> {
    return this.values.remove(ref);
  }

  async roundTrip(): Promise<void> {
    const value = new Secret(randomBytes(32).toString('hex'));
    const back = await this.values.passThrough(await this.seal(value));
    if (!this.#opened(back).equals(value))
      throw new RekeyError('KR_INTERNAL', 'the vault gave back another value than it was given');
  }

  /**
   * Rewraps every data key under `to` and makes it current; values themselves are not touched.
   * Returns how many were rewrapped.
   */
  rewrap(to: string): Promise<number> {
    const next = this.keys.get(to);
    return this.values.rewrap(to, (value) => encrypt(next, this.#dataKey(value), wrapping(value.ref, to)));
  }

  #opened(value: SealedSecret): Secret {
    return new Secret(decrypt(this.#dataKey(value), value.sealed, `value:${value.ref}`).toString('utf8'));
  }

  #dataKey({ ref, masterKey, wrappedKey }: SealedSecret): Buffer {
    return decrypt(this.keys.get(masterKey), wrappedKey, wrapping(ref, masterKey));
  }

  #firstKey(): string {
    const first = this.keys.ids()[0];
    if (!first) throw new RekeyError('KR_VAULT_KEY_MISSING', 'there is no vault key in the keys folder');
    return first;
  }
}

/** What a wrapped data key belongs to. */
const wrapping = (ref: string, masterKey: string): string => `wrap:${ref}:${masterKey}`;

/**
 * Refuses a secret whose fingerprint could be guessed back: under 128 bits by its alphabet and
 * length. What cannot be judged, whether the vendor's generator is random, is taken on trust.
 */
function requireStrength(secret: Secret): void {
  const value = secret.reveal();
  const alphabet = /^[0-9]+$/.test(value) ? 10 : /^[0-9a-f]+$/i.test(value) ? 16 : 62;
  if (value.length * Math.log2(alphabet) < 128)
    throw new RekeyError('KR_WEAK_SECRET', `a secret of ${value.length} characters has less than 128 random bits`);
}
