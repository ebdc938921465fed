/**
 * Where a command finds its servers: in the environment, else in the home folder, and never half of
 * one with half of the other's password.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findInstallation, homeFolder, readState } from '../../../client/environment.js';

let home: string;
const state = {
  temporal: '127.0.0.1:7233',
  database: 'postgres://rekey@127.0.0.1:5432/rekey',
  passwordFile: '/p',
  keys: '/k',
  heads: '/h',
};
const writeState = (text: string) => writeFileSync(path.join(home, 'state.json'), text);
const cluster = { DATABASE_URL: 'postgres://rekey@db/rekey', TEMPORAL_ADDRESS: 'temporal:7233', REKEY_KEYS: '/keys' };

beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'rekey-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the installation', () => {
  it('is the embedded one of the home folder', () => {
    writeState(JSON.stringify(state));
    expect(findInstallation({ REKEY_HOME: home })).toEqual({
      databaseUrl: state.database,
      passwordFile: '/p',
      temporalAddress: state.temporal,
      temporalNamespace: 'default',
      keysFolder: '/k',
      headsFile: '/h',
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
    expect(findInstallation(env)).toEqual({
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
    expect(findInstallation({ REKEY_HOME: home, TEMPORAL_ADDRESS: 'elsewhere:7233' }).passwordFile).toBe('/p');
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
    expect(readState(home)).toEqual({});
    writeState('{"temporal":"127.0.0.1:72');
    expect(readState(home)).toEqual({});
  });

  it('is looked for in .rekey of the folder that one stands in, unless told otherwise', () => {
    expect(homeFolder({})).toBe(path.resolve('.rekey'));
    expect(homeFolder({ REKEY_HOME: 'elsewhere' })).toBe(path.resolve('elsewhere'));
  });
});
