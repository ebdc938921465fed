/**
 * How far a connection may go: what leaves this machine proves who answers, and to Temporal who
 * asks, or was accepted by name.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { databaseReach, temporalReach } from '../../../client/reach.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-reach-'));
const root = path.join(folder, 'root.pem');
writeFileSync(root, 'a certificate');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refused = (code: string, words: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(words) as string });
const pair = { TEMPORAL_TLS_CLIENT_CERT_PATH: '/c.pem', TEMPORAL_TLS_CLIENT_KEY_PATH: '/k.pem' };

describe('Temporal', () => {
  it.each(['127.0.0.1:7233', 'localhost:7233', '[::1]:7233', '127.1.2.3:1'])('is asked in clear at %s', (address) => {
    expect(temporalReach(address, {})).toEqual({ tls: null, apiKey: null });
  });

  it.each([
    'temporal:7233',
    '10.0.0.5:7233',
    '0.0.0.0:7233',
    'localhost.example.com:7233',
    '127.0.0.1.example.com:7233',
    '[fe80::1]:7233',
    '[::ffff:10.0.0.5]:7233',
  ])('is not asked in clear at %s', (address) => {
    expect(() => temporalReach(address, {})).toThrowError(refused('KR_PLAIN_CONNECTION', 'without TLS'));
    expect(() => temporalReach(address, { TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'false' })).toThrowError(/without TLS/);
    expect(() => temporalReach(address, { TEMPORAL_TLS: 'true' })).toThrowError(
      refused('KR_PLAIN_CONNECTION', 'client certificate or an API key'),
    );
    expect(() => temporalReach(address, { REKEY_ACCEPT: 'plain-database' })).toThrowError(/without TLS/);
    expect(temporalReach(address, { REKEY_ACCEPT: 'plain-database,plain-temporal' })).toEqual({ tls: null, apiKey: null });
  });

  it('is asked with TLS and a certificate, or with TLS and a key, which nothing shows', () => {
    const env = { ...pair, TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/ca.pem', TEMPORAL_TLS_SERVER_NAME: 'front' };
    expect(temporalReach('temporal:7233', env).tls).toEqual({
      rootFile: '/ca.pem',
      certificate: { certFile: '/c.pem', keyFile: '/k.pem' },
      serverName: 'front',
    });
    const keyed = temporalReach('temporal:7233', { TEMPORAL_API_KEY: 'a-key-of-theirs' });
    expect(keyed).toMatchObject({ tls: { rootFile: null, certificate: null, serverName: null } });
    expect(keyed.apiKey?.reveal()).toBe('a-key-of-theirs');
    expect(JSON.stringify(keyed)).not.toContain('a-key-of-theirs');
  });

  it.each([
    ['half of a pair', { TEMPORAL_TLS_CLIENT_CERT_PATH: '/c.pem' }, 'belong together'],
    [
      'verification that is switched off',
      { ...pair, TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' },
      'DISABLE_HOST_VERIFICATION',
    ],
    ['a switch that is neither', { ...pair, TEMPORAL_TLS: 'maybe' }, 'TEMPORAL_TLS'],
    ['a word that is not known', { REKEY_ACCEPT: 'plain-temporal,plain' }, 'REKEY_ACCEPT has plain'],
  ])('is not asked with %s', (_, env, words) => {
    expect(() => temporalReach('temporal:7233', env)).toThrowError(refused('KR_ENVIRONMENT_INVALID', words));
  });

  it.each(['', 'https://temporal:7233', 'user@127.0.0.1:7233', 'dns:///temporal'])('is not at %j', (address) => {
    expect(() => temporalReach(address, {})).toThrowError(refused('KR_ENVIRONMENT_INVALID', 'TEMPORAL_ADDRESS'));
  });
});

describe('PostgreSQL', () => {
  const modeOf = (address: string, env = {}) => new URL(databaseReach(address, env)).searchParams.get('sslmode');

  it.each([
    'postgres://rekey@127.0.0.1/rekey',
    'postgres://localhost/r',
    'postgres:///r',
    'postgres://%2Frun%2Fpg/r',
    'postgres://[::1]:5/r',
  ])('is asked in clear at %s', (address) => {
    expect(modeOf(address)).toBe('disable');
  });

  it.each([
    ['nothing', ''],
    ['encryption to whoever answers', '?sslmode=require'],
    ['a certificate that is not looked at', '?sslmode=no-verify'],
    ['the same in words of the library', '?ssl=no-verify'],
  ])('is not asked elsewhere with %s', (_, query) => {
    const address = `postgres://rekey@db/rekey${query}`;
    expect(() => databaseReach(address, {})).toThrowError(refused('KR_PLAIN_CONNECTION', 'PostgreSQL at db'));
    expect(() => databaseReach(address, { REKEY_ACCEPT: 'plain-temporal' })).toThrowError(/PostgreSQL at db/);
    expect(modeOf(address, { REKEY_ACCEPT: 'plain-database' })).toBe(query === '' ? 'disable' : 'no-verify');
  });

  it('is not taken for near by a host that is named twice', () => {
    expect(() => databaseReach('postgres://127.0.0.1/r?host=db', {})).toThrowError(/PostgreSQL at db/);
    expect(() => databaseReach('postgres://127.0.0.1/r?host=127.0.0.1&host=db', {})).toThrowError(/PostgreSQL at db/);
    expect(() => databaseReach('postgres:///r', { PGHOST: 'db' })).toThrowError(/PostgreSQL at db/);
  });

  it.each([
    ['its mode', '?sslmode=verify-full', {}],
    ['its mode in the environment', '', { PGSSLMODE: 'verify-full' }],
    ['a certificate root', `?sslrootcert=${root}`, {}],
    ['a certificate root in the environment', '', { PGSSLROOTCERT: root }],
    ['a root for a mode that verifies with one', '?sslmode=require', { PGSSLROOTCERT: root }],
    ['a mode that leaves the name open', `?sslmode=verify-ca&sslrootcert=${root}`, {}],
    ["this machine's roots", '?sslrootcert=system', {}],
    ['the switch of the library', '?ssl=true', {}],
  ])('is asked elsewhere with %s, and always the whole of the certificate', (_, query, env) => {
    expect(modeOf(`postgres://db/rekey${query}`, env)).toBe('verify-full');
  });

  it('is given all in its address, so that nothing is read from the environment later', () => {
    const found = new URL(
      databaseReach('postgres://db/r?ssl=0&uselibpqcompat=true', {
        PGSSLROOTCERT: root,
        PGSSLMODE: 'disable',
        REKEY_ACCEPT: 'plain-database',
      }),
    );
    expect(Object.fromEntries(found.searchParams)).toEqual({ sslrootcert: root, sslmode: 'disable' });
  });

  it.each([
    ['a mode that says nothing for certain', 'postgres://db/r?sslmode=prefer', {}, 'sslmode is prefer'],
    ['a file that is not there', 'postgres://db/r', { PGSSLROOTCERT: '/nowhere/root.pem' }, '/nowhere/root.pem'],
    ['no address', 'db:5432', { PGSSLMODE: 'x' }, 'sslmode is x'],
    ['a text', 'the database', {}, 'DATABASE_URL'],
  ])('is not asked with %s', (_, address, env, words) => {
    expect(() => databaseReach(address, env)).toThrowError(refused('KR_ENVIRONMENT_INVALID', words));
  });

  it('is not believed by a root that others can write', () => {
    chmodSync(root, 0o666);
    expect(() => databaseReach('postgres://db/r', { PGSSLROOTCERT: root })).toThrowError(refused('KR_FILE_NOT_OURS', root));
    chmodSync(root, 0o644);
  });
});
