/**
 * A secret shows itself to nobody who does not ask by name, and is kept only if it cannot be
 * guessed.
 */
import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../activities/ports/secret.js';
import type { Database } from '../../../activities/postgres/pool.js';
import { sealedSecrets } from '../../../activities/postgres/sealed-secrets.js';
import { KeyFolder } from '../../../activities/vault/key-folder.js';
import { EnvelopeVault } from '../../../activities/vault/vault.js';

const value = '0123456789abcdef0123456789abcdef';
const secret = new Secret(value);

describe('a secret', () => {
  it.each<[string, () => string]>([
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    ['a template', () => `${secret}`],
    ['a sum of texts', () => `key: ${String(secret)}`],
    ['util.inspect', () => inspect({ deep: { secret } }, { showHidden: true, depth: null })],
    ['a format of the console', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its properties', () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret), { ...secret }])],
    ['a copy', () => JSON.stringify(structuredClone(secret))],
    ['an error', () => inspect(new Error('it failed', { cause: secret }))],
  ])('is not in %s', (_, show) => {
    const shown = show();
    expect(shown.length).toBeGreaterThan(1);
    expect(shown).not.toContain(value.slice(0, 8));
  });

  it('shows itself when asked by name', () => expect(secret.reveal()).toBe(value));

  it('has the fingerprint that others can compute', () => {
    // printf 'rekey:v1:0123456789abcdef0123456789abcdef' | sha256sum | xxd -r -p | base32 | tr A-Z
    // a-z | head -c 12
    expect(secret.fingerprint).toBe('r5qg57k25aj4');
    expect(new Secret(`${value}0`).fingerprint).not.toBe(secret.fingerprint);
  });

  it('is the same as one of the same value, and as no other', () => {
    expect(secret.equals(new Secret(value))).toBe(true);
    expect(secret.equals(new Secret(value.toUpperCase()))).toBe(false);
  });

  it('is told by its last characters from four on: fewer prove nothing', () => {
    expect(['cdef', '9abcdef', value].map((end) => secret.endsWith(end))).toEqual([true, true, true]);
    expect(['', 'f', 'def', 'cdee', `0${value}`].map((end) => secret.endsWith(end))).toEqual([false, false, false, false, false]);
  });
});

describe('the vault', () => {
  const reached = new Error('the database was asked');
  const database: Database = {
    query: () => Promise.reject(reached),
    transaction: () => Promise.reject(reached),
    end: async () => undefined,
  };
  const vault = new EnvelopeVault(sealedSecrets(database), new KeyFolder('/nowhere', 'vault'));

  it.each([
    ['hexadecimal', 'a1', 32],
    ['letters and digits', 'aZ', 22],
    ['digits', '12', 39],
  ])('refuses %s below 128 bits before anything else, and takes one character more', async (_, sample, enough) => {
    const of = (length: number) => new Secret(sample.repeat(length).slice(0, length));
    const refusal = vault.seal(of(enough - 1));
    await expect(refusal).rejects.toMatchObject({ code: 'KR_WEAK_SECRET' });
    await expect(refusal).rejects.not.toThrow(sample.repeat(4));
    await expect(vault.seal(of(enough))).rejects.toBe(reached);
  });
});
