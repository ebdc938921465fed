/**
 * Where a command finds its servers: in the environment, else in the home folder, and never half of
 * one with half of the other's password.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allPowers, embeddedState, findDatabase, findInstallation, saysWhere } from '../../../client/environment.js';
import { homeFolder } from '../../../client/home.js';

let home: string;
const state = {
  temporal: '127.0.0.1:7233',
  database: 'postgres://rekey@127.0.0.1:5432/rekey',
  passwordFile: '/p',
  keys: '/k',
  heads: '/h',
};
const writeState = (text: string) => writeFileSync(path.join(home, 'state.json'), text);
const cluster = {
  DATABASE_URL: 'postgres://rekey@db/rekey?sslmode=verify-full',
  TEMPORAL_ADDRESS: 'temporal:7233',
  TEMPORAL_API_KEY: 'an-api-key',
  REKEY_KEYS: '/keys',
};

beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'rekey-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the installation', () => {
  it('is the embedded one of the home folder', () => {
    writeState(JSON.stringify(state));
    expect(findInstallation({ REKEY_HOME: home })).toEqual({
      databaseUrl: `${state.database}?sslmode=disable`,
      passwordFile: '/p',
      temporalAddress: state.temporal,
      temporalNamespace: 'default',
      tls: null,
      apiKey: null,
      keysFolder: '/k',
      headsFile: '/h',
      powers: allPowers,
    });
  });

  it('is the one of the environment before that', () => {
    writeState(JSON.stringify(state));
    const env = {
      ...cluster,
      REKEY_HOME: home,
      REKEY_DATABASE_PASSWORD_FILE: '/run/password',
      TEMPORAL_NAMESPACE: 'keys',
      REKEY_AUDIT_HEADS: '/heads',
    };
    expect(findInstallation(env)).toMatchObject({
      databaseUrl: cluster.DATABASE_URL,
      passwordFile: '/run/password',
      temporalAddress: cluster.TEMPORAL_ADDRESS,
      temporalNamespace: 'keys',
      keysFolder: '/keys',
      headsFile: '/heads',
    });
  });

  it('never sends the embedded password to another database', () => {
    writeState(JSON.stringify(state));
    expect(findInstallation({ REKEY_HOME: home, DATABASE_URL: cluster.DATABASE_URL }).passwordFile).toBeNull();
    expect(findDatabase({ REKEY_HOME: home, DATABASE_URL: cluster.DATABASE_URL }).passwordFile).toBeNull();
    const { TEMPORAL_ADDRESS, TEMPORAL_API_KEY } = cluster;
    expect(findInstallation({ REKEY_HOME: home, TEMPORAL_ADDRESS, TEMPORAL_API_KEY }).passwordFile).toBe('/p');
  });

  it('that is embedded hears nothing of what is set for another', () => {
    writeState(JSON.stringify(state));
    const env = {
      REKEY_HOME: home,
      REKEY_DATABASE_PASSWORD_FILE: '/theirs',
      TEMPORAL_API_KEY: 'theirs',
      TEMPORAL_NAMESPACE: 'theirs',
      TEMPORAL_TLS: 'true',
      PGSSLMODE: 'require',
    };
    expect(findInstallation(env)).toEqual(findInstallation({ REKEY_HOME: home }));
  });

  it('of a cluster may do what its worker was told, and nothing else', () => {
    expect(findInstallation({ ...cluster, REKEY_HOME: home }).powers).toEqual(new Set());
    expect(findInstallation({ ...cluster, REKEY_POWERS: 'exec, file' }).powers).toEqual(new Set(['exec', 'file']));
    expect(() => findInstallation({ ...cluster, REKEY_POWERS: 'exec,everything' })).toThrowError(
      expect.objectContaining({ code: 'KR_ENVIRONMENT_INVALID', message: expect.stringContaining('everything') as string }),
    );
    writeState(JSON.stringify(state));
    expect(findInstallation({ REKEY_HOME: home, DATABASE_URL: cluster.DATABASE_URL }).powers).toEqual(new Set());
  });

  it('never holds another ledger against the heads of the embedded one', () => {
    writeState(JSON.stringify(state));
    expect(findInstallation({ REKEY_HOME: home, DATABASE_URL: cluster.DATABASE_URL }).headsFile).toBeNull();
  });

  it('is refused by the names of what is missing', () => {
    const missing = (env: Record<string, string>) => () => findInstallation({ REKEY_HOME: home, ...env });
    expect(missing({})).toThrowError(/DATABASE_URL, TEMPORAL_ADDRESS, REKEY_KEYS/);
    expect(missing({ DATABASE_URL: 'x', REKEY_KEYS: 'y' })).toThrowError(/, and TEMPORAL_ADDRESS is not set/);
    expect(missing({})).toThrowError(expect.objectContaining({ code: 'KR_SERVICE_AWAY' }));
    expect(missing({})).toThrowError(new RegExp(home));
  });

  it('has no state where the file is missing or cut', () => {
    expect(embeddedState({ REKEY_HOME: home })).toEqual({});
    writeState('{"temporal":"127.0.0.1:72');
    expect(embeddedState({ REKEY_HOME: home })).toEqual({});
  });

  it('is not looked for in a folder that others can write, unless the environment names all of it', () => {
    writeState(JSON.stringify(state));
    chmodSync(home, 0o777);
    const refused = expect.objectContaining({ code: 'KR_FILE_NOT_OURS', message: expect.stringContaining(home) as string });
    expect(() => findInstallation({ REKEY_HOME: home })).toThrowError(refused);
    expect(() => findInstallation({ ...cluster, REKEY_HOME: '/nowhere', REKEY_KEYS: home })).toThrowError(refused);
    expect(findInstallation({ ...cluster, REKEY_HOME: home }).keysFolder).toBe('/keys');
    expect(findDatabase({ DATABASE_URL: cluster.DATABASE_URL, REKEY_HOME: home }).databaseUrl).toBe(cluster.DATABASE_URL);
  });

  it('is looked for in .rekey of the folder that one stands in, unless told otherwise', () => {
    expect(homeFolder({})).toBe(path.resolve('.rekey'));
    expect(homeFolder({ REKEY_HOME: 'elsewhere' })).toBe(path.resolve('elsewhere'));
  });

  it('is told by the variables that are not handed on to another', () => {
    const told = ['DATABASE_URL', 'PGSSLMODE', 'TEMPORAL_TLS', 'TEMPORAL_API_KEY', 'REKEY_KEYS', 'REKEY_POWERS', 'REKEY_ACCEPT'];
    expect(told.filter((name) => !saysWhere(name))).toEqual([]);
    expect(['PATH', 'REKEY_LOG_LEVEL', 'DD_API_KEY', 'XPG'].filter(saysWhere)).toEqual([]);
  });
});
