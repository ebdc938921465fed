import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connector } from '../../../activities/connectors/app-hosts/ssh/app-host.js';
import { scriptFault } from '../../../activities/connectors/app-hosts/ssh/errors.js';
import { keysFor, parseAddress } from '../../../activities/connectors/app-hosts/ssh/known-hosts.js';
import { Limit } from '../../../activities/connectors/app-hosts/ssh/limit.js';
import { quote } from '../../../activities/connectors/app-hosts/ssh/scripts.js';
import type { AppHost } from '../../../activities/ports/app-host.js';
import { Secret } from '../../../activities/ports/secret.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { hasOpenSsh, type SshServer, startSshServer } from '../../support/sshd.js';

const never = () => new AbortController().signal;
const secret = new Secret('f1e2d3c4b5a6978877665544332211ff');
const failure = (promise: Promise<unknown>): Promise<RekeyError> =>
  promise.then(
    () => Promise.reject(new Error('it should have failed')),
    (error: unknown) => (error instanceof RekeyError ? error : Promise.reject(error)),
  );

let folder: string;
let server: SshServer;
const file = (name: string) => path.join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'rekey-ssh-'));
  // Found in front of the machine's own: one that would have to ask, as sudo(8) says it without a
  // terminal.
  writeFileSync(file('sudo'), '#!/bin/sh\necho "sudo: a password is required" >&2; exit 1\n');
  chmodSync(file('sudo'), 0o755);
  server = await startSshServer([`SetEnv PATH=${folder}:/usr/bin:/bin`]);
  writeFileSync(file('.env'), `KEY=${secret.reveal()}\n`);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(said: Record<string, unknown> = {}): AppHost {
  const { user, privateKey, knownHosts } = server;
  const settings = connector.config.settings.parse({
    user,
    management: { privateKey: `file:${privateKey}` },
    knownHosts,
    ...said,
  });
  return connector.open(
    settings,
    {
      name: 'fleet',
      userAgent: 'rekey/0 (h; 1)',
      resolve: async (reference) => new Secret(readFileSync(reference.replace(/^file:/, ''), 'utf8')),
    },
    null,
  );
}
const consumer = (said: Record<string, unknown> = {}) => ({
  name: 'web-1',
  host: 'fleet',
  settings: { address: `127.0.0.1:${server.port}`, file: file('.env'), format: 'dotenv', at: 'KEY', ...said } as never,
});
const read = (host: AppHost, said?: Record<string, unknown>) => host.readSecret!(consumer(said), never());
const otherHostKey = () => ssh2.utils.generateKeyPairSync('ed25519').public;
const place = () => `[127.0.0.1]:${server.port}`;

describe('a machine is let in only', () => {
  it('by the key that known_hosts has', async () => {
    expect((await read(open()))?.equals(secret)).toBe(true);
  });

  it('by the key that is pinned, whatever known_hosts says', async () => {
    const knownHosts = file('none');
    expect((await read(open({ knownHosts }), { hostKey: server.fingerprint }))?.equals(secret)).toBe(true);
  });

  it('and is known by that key from then on, whatever name it is reached by', async () => {
    expect(await open().identityOf!(consumer(), never())).toBe(server.fingerprint);
  });

  it('not when nobody knows it: the place and the file are named, and what to do', async () => {
    writeFileSync(file('empty'), `other.example ${otherHostKey()}\n`);
    const { code, detail } = await failure(read(open({ knownHosts: file('empty') })));
    expect({ code, detail }).toEqual({
      code: 'KR_HOST_REFUSED',
      detail: expect.stringContaining(`${place()} is not in ${file('empty')}`),
    });
    expect(detail).toMatch(/compare its fingerprint .* add its key there or pin hostKey/);
  });

  it('not when there is no known_hosts', async () => {
    const { code, detail } = await failure(read(open({ knownHosts: file('none') })));
    expect({ code, detail }).toEqual({
      code: 'KR_HOST_REFUSED',
      detail: `fleet: ${file('none')} is not there; make it, or pin hostKey`,
    });
  });

  it('not by a known_hosts that others can write', async () => {
    writeFileSync(file('open'), 'no matter what');
    chmodSync(file('open'), 0o666);
    const { code, detail } = await failure(read(open({ knownHosts: file('open') })));
    expect({ code, detail }).toEqual({ code: 'KR_FILE_NOT_OURS', detail: expect.stringContaining(file('open')) });
  });

  it('not when its key has changed: the one that it shows is named, and nothing is sent to it', async () => {
    writeFileSync(file('changed'), `${place()} ${otherHostKey()}\n`);
    const before = server.logins();
    const { code, detail } = await failure(read(open({ knownHosts: file('changed') })));
    expect(code).toBe('KR_HOST_REFUSED');
    expect(detail).toContain(`${place()} shows the host key ${server.fingerprint}, not the one of ${file('changed')}`);
    expect(detail).toContain('if it was made anew, correct the file');
    const pinned = `SHA256:${'A'.repeat(43)}`;
    expect((await failure(read(open(), { hostKey: pinned }))).detail).toContain(`not the pinned ${pinned}`);
    expect(server.logins()).toBe(before);
  });

  it('not when its key is revoked', async () => {
    const line = readFileSync(server.knownHosts, 'utf8');
    writeFileSync(file('revoked'), `${line}@revoked ${line}`);
    expect((await failure(read(open({ knownHosts: file('revoked') })))).detail).toContain('marks as revoked');
  });
});

describe('our own key', () => {
  it('is refused by the machine: the address, the account and the remedy are named', async () => {
    writeFileSync(file('other'), ssh2.utils.generateKeyPairSync('ed25519').private);
    const { code, detail } = await failure(read(open({ management: { privateKey: `file:${file('other')}` } })));
    expect({ code, detail }).toEqual({
      code: 'KR_HOST_REFUSED',
      detail: expect.stringContaining(`127.0.0.1:${server.port}: the machine does not take our key for ${server.user}`),
    });
    expect(detail).toContain('authorized_keys');
  });

  it.each([
    ['is no key', () => 'no key, but a secret text'],
    ['has a passphrase', () => encrypted().private],
  ])('%s: the setting is named, never what stands there', async (_, content) => {
    writeFileSync(file('wrong'), content());
    const { code, detail } = await failure(read(open({ management: { privateKey: `file:${file('wrong')}` } })));
    expect(code).toBe('KR_HOST_REFUSED');
    expect(detail).toContain('fleet: management.privateKey is no private key that we can read');
    expect(detail).toContain('management.passphrase');
    expect(detail).not.toContain('a secret text');
  });

  it('is asked of the agent, of which the worker must have one', async () => {
    const had = process.env.SSH_AUTH_SOCK;
    delete process.env.SSH_AUTH_SOCK;
    try {
      expect((await failure(read(open({ management: undefined, agent: true })))).detail).toContain('SSH_AUTH_SOCK');
    } finally {
      if (had !== undefined) process.env.SSH_AUTH_SOCK = had;
    }
  });

  const encrypted = () => ssh2.utils.generateKeyPairSync('ed25519', { passphrase: 'p', cipher: 'aes256-ctr', rounds: 1 });
});

describe('sudo', () => {
  it.runIf(hasOpenSsh)(
    'that asks for a password fails at once: the file is named, nothing was changed, and the remedy',
    async () => {
      const { code, detail } = await failure(read(open({ sudo: true })));
      expect({ code, detail }).toEqual({
        code: 'KR_HOST_REFUSED',
        detail: `${file('.env')}: sudo: a password is required; nothing was changed; allow it without one (NOPASSWD in sudoers)`,
      });
    },
  );

  it('that does not allow the command is refused for good, a machine that is in trouble is asked again', () => {
    expect(scriptFault(1, 'Sorry, user rekey may not run sudo on web-1.\n', '/f').code).toBe('KR_HOST_REFUSED');
    expect(scriptFault(1, 'cat: write error: No space left on device\n', '/f').code).toBe('KR_HOST_UNAVAILABLE');
  });
});

it('a machine that is not there is asked again', async () => {
  const gone = await failure(read(open(), { address: '127.0.0.1:1', hostKey: server.fingerprint }));
  expect(gone).toMatchObject({ code: 'KR_HOST_UNAVAILABLE', detail: '127.0.0.1:1: no connection (ECONNREFUSED)' });
});

it('many looks at one machine share one connection', async () => {
  const host = open({ parallel: 3 });
  const before = server.logins();
  await Promise.all(Array.from({ length: 12 }, () => read(host)));
  expect(server.logins() - before).toBe(1);
});

describe('the bound of what is done at once', () => {
  it('is kept, and whoever gave up in line takes no place', async () => {
    const limit = new Limit(2);
    let now = 0;
    let most = 0;
    const work = async () => {
      const done = await limit.take(never());
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      done();
      done();
    };
    const working = Array.from({ length: 9 }, work);
    const impatient = await failure(limit.take(AbortSignal.timeout(1)));
    expect(impatient.code).toBe('KR_HOST_UNAVAILABLE');
    await Promise.all(working);
    expect(most).toBe(2);
    await Promise.all([limit.take(never()), limit.take(never())]);
  });
});

describe('known_hosts', () => {
  const key = otherHostKey();
  const [, bytes] = key.split(' ');
  const trusted = (line: string, address: string) => keysFor(line, parseAddress(address)).trusted.map((k) => k.key);

  it.each([
    ['web-1.example.com', 'web-1.example.com'],
    ['WEB-1.example.com', 'web-1.example.com:22'],
    ['*.example.com,!db.example.com', 'web-1.example.com'],
    ['web-?.example.com', 'web-1.example.com'],
    ['[10.0.0.1]:2222', '10.0.0.1:2222'],
    ['::1', '[::1]'],
    // ssh-keygen -H of `web-1.example.com`, salt of zeros.
    ['|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|HASH', 'web-1.example.com'],
  ])('%s speaks of %s', async (hosts, address) => {
    const { createHmac } = await import('node:crypto');
    const hash = createHmac('sha1', Buffer.alloc(20)).update('web-1.example.com').digest('base64');
    expect(trusted(`# of the fleet\n\n${hosts.replace('HASH', hash)} ${key}`, address)).toEqual([bytes]);
  });

  it.each([
    ['web-1.example.com', 'web-2.example.com'],
    ['web-1.example.com', 'web-1.example.com:2222'],
    ['[web-1.example.com]:2222', 'web-1.example.com'],
    ['*.example.com,!db.example.com', 'db.example.com'],
    ['web.1.example.com', 'web-1.example.com'],
    ['@cert-authority *.example.com', 'web-1.example.com'],
  ])('%s does not speak of %s', (hosts, address) => {
    expect(trusted(`${hosts} ${key}`, address)).toEqual([]);
  });
});

it('a word of a command line stays one word', () => {
  expect(quote(`it's $HOME`)).toBe(`'it'\\''s $HOME'`);
});
