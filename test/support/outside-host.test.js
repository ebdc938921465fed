// @ts-check
/** Holds the outside host to the port's suite, as its author would: on a program of its own, which tells the fingerprint of what it uses. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Secret } from 'rekey';
import { describeAppHost, until } from 'rekey/testing';
import { connector } from './outside-host.js';

const program = `
import { readFileSync, writeFileSync } from 'node:fs';
import { Secret } from 'rekey';
const [file, status] = process.argv.slice(1);
const load = () => writeFileSync(status, 'fingerprint: ' + new Secret(/^TOKEN=(.*)$/m.exec(readFileSync(file, 'utf8'))[1]).fingerprint + '\\n');
process.on('SIGHUP', load);
load();
setInterval(() => undefined, 1000);
`;
const first = 'first-secret-0123456789abcdef';
const next = 'next-secret-fedcba9876543210';

describeAppHost({
  connector,
  abilities: [],
  world: async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'outside-host-'));
    const [file, status] = [path.join(folder, 'app.env'), path.join(folder, 'status')];
    writeFileSync(file, `MODE=live\nTOKEN=${first}\n`, { mode: 0o640 });
    writeFileSync(status, '');
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, file, status], {
      cwd: import.meta.dirname,
      stdio: 'ignore',
    });
    const fingerprint = () => /fingerprint: (\w+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? null;
    await until('the program to run', () => fingerprint() !== null);
    const consumer = { name: 'app', host: 'outside', settings: { pid: child.pid ?? 0, file, status, variable: 'TOKEN' } };
    const missing = { pid: child.pid ?? 0, file: `${file}.none`, status: `${status}.none`, variable: 'TOKEN' };
    const open = () => connector.open({}, { name: 'outside', userAgent: 'test', resolve: async () => new Secret(first) }, null);
    return {
      host: open(),
      reopened: async () => open(),
      consumer,
      missing: { name: 'nobody', host: 'outside', settings: missing },
      current: { generation: 1, keyId: 'one', secret: new Secret(first) },
      next: async () => ({ generation: 2, keyId: 'two', secret: new Secret(next) }),
      // It remembers no fence, so nobody looks into its source.
      held: null,
      used: async () => fingerprint(),
      secrets: async () => [first, next],
      end: async () => {
        child.kill();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
});
