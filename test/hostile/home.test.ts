/**
 * A folder that somebody else has prepared for whoever comes by: commands that are run in it
 * believe nothing of what stands there, send nothing, and say whose it is.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rekey } from '../support/command-line.js';

/** Owns nothing on any machine that runs the tests. */
const stranger = 64_123;
const isRoot = process.getuid?.() === 0;

let folder: string;
let home: string;
let server: Server;
let heard: string;

/** A PostgreSQL of somebody else: it asks for the password in clear. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-hostile-'));
  home = path.join(folder, '.rekey');
  heard = '';
  server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])));
    socket.on('data', (bytes) => (heard += bytes.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** With a file that only root may read as its password. */
function prepare(uid: number): string {
  const secret = path.join(folder, 'of-root-alone');
  writeFileSync(secret, 'nobody-else-may-read-this\n', { mode: 0o600 });
  mkdirSync(path.join(home, 'keys'), { recursive: true });
  const { port } = server.address() as AddressInfo;
  const database = `postgres://rekey@127.0.0.1:${port}/rekey`;
  writeFileSync(
    path.join(home, 'state.json'),
    JSON.stringify({ database, temporal: '127.0.0.1:1', passwordFile: secret, keys: path.join(home, 'keys') }),
  );
  for (const place of [home, path.join(home, 'keys'), path.join(home, 'state.json')]) chownSync(place, uid, uid);
  return secret;
}

/** As somebody who stands in the folder and has set nothing. */
function run(...args: readonly string[]) {
  const { REKEY_HOME: _, DATABASE_URL: __, TEMPORAL_ADDRESS: ___, ...environment } = process.env;
  return rekey({ environment: { ...environment, REKEY_HOME: home } }, args);
}

const commands = ['status', 'keys', 'doctor', 'migrate', 'audit verify', 'worker', 'up'];

describe("another account's home", () => {
  it.runIf(isRoot).each(commands)('is not believed: rekey %s', async (command) => {
    prepare(stranger);
    const { status, text } = await run(...command.split(' '));
    expect(heard).not.toContain('nobody-else');
    expect(status).not.toBe(0);
    expect(text).toContain(`${home} belongs to user ${stranger}`);
    if (command !== 'doctor') expect(text).toMatch(/^KR_FILE_NOT_OURS: .*\n.*chown/m);
  });

  it.runIf(isRoot)('is not believed for a file that is its own in a folder of ours', async () => {
    prepare(stranger);
    chownSync(home, 0, 0);
    const { text } = await run('status');
    expect(heard).not.toContain('nobody-else');
    expect(text).toContain(`${path.join(home, 'state.json')} belongs to user ${stranger}`);
  });

  it.runIf(isRoot)('gets no keys of ours', async () => {
    mkdirSync(home);
    chownSync(home, stranger, stranger);
    const { text } = await run('up');
    expect(text).toContain('KR_FILE_NOT_OURS');
    expect(() => readFileSync(path.join(home, 'keys', 'postgres-password'))).toThrow(/ENOENT/);
  });
});

describe('a home of ours', () => {
  const me = process.getuid?.() ?? 0;

  it('is believed: its password is sent where it says', async () => {
    prepare(me);
    await run('status');
    expect(heard).toContain('nobody-else');
  });

  it.each(['state.json', 'keys', '.'])('is not believed where others can write %s', async (name) => {
    prepare(me);
    chmodSync(path.join(home, name), 0o777);
    const { status, text } = await run('status');
    expect(heard).not.toContain('nobody-else');
    expect(status).toBe(1);
    expect(text).toContain(`${path.join(home, name)} can be written by others (mode 777)`);
  });

  it('is not believed with a password that others can write', async () => {
    chmodSync(prepare(me), 0o622);
    const { text } = await run('status');
    expect(heard).toBe('');
    expect(text).toContain('of-root-alone can be written by others');
  });
});
