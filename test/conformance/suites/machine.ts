/**
 * Owns the conformance suite of the interface `Machine`: whichever way a machine is reached, a file
 * is read, replaced and fought over alike.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandEnded, type Machine } from '../../../activities/connectors/machines/machine.js';
import { failure } from './sandbox.js';

export interface MachineSubject {
  readonly name: string;
  /** A way to this very machine, with the rights of the test. */
  readonly open: () => Promise<{ machine: Machine; close: () => Promise<void> }>;
}

const never = () => new AbortController().signal;
const asRoot = process.getuid?.() === 0;

export function describeMachine(subject: MachineSubject): void {
  describe(`${subject.name}, as a machine`, () => {
    let machine: Machine;
    let close: () => Promise<void>;
    let folder: string;
    let file: string;
    beforeAll(async () => {
      ({ machine, close } = await subject.open());
    });
    afterAll(() => close());
    beforeEach(() => {
      folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'rekey machine’s ')));
      file = path.join(folder, 'a b$c');
      // Bytes of no encoding, and more of them than a pipe holds at once.
      writeFileSync(file, Buffer.concat([Buffer.from([0, 255, 10, 13]), Buffer.alloc(200_000, 'k')]), { mode: 0o640 });
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));
    const memoryFile = () => path.join(folder, '.a b$c.rekey');
    const read = (name = file) => machine.read(name, never());
    const next = Buffer.concat([Buffer.from([255, 0]), Buffer.alloc(300_000, 'n')]);

    it('shows a file as it is', async () => {
      const seen = await read();
      expect(seen).toMatchObject({ path: file, memory: null, names: 1 });
      expect(seen.content.equals(readFileSync(file))).toBe(true);
      expect(Math.abs(seen.changedAt - statSync(file).ctimeMs)).toBeLessThan(2);
      linkSync(file, path.join(folder, 'other'));
      expect((await read()).names).toBe(2);
    });

    it('replaces content and memory as a whole, and leaves nothing else behind', async () => {
      const before = statSync(file).ino;
      const memory = Buffer.from('{"a":1}\n');
      const seen = await read();
      expect(await machine.write(seen, { memory }, never())).toBe(true);
      expect(await machine.write({ ...seen, memory }, { content: next }, never())).toBe(true);
      const after = await read();
      expect(after.content.equals(next)).toBe(true);
      expect(after.memory?.equals(memory)).toBe(true);
      expect(after.changedAt).toBeGreaterThanOrEqual(seen.changedAt);
      expect(statSync(file).ino).not.toBe(before);
      expect(statSync(memoryFile()).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder).sort()).toEqual(['.a b$c.rekey', 'a b$c']);
    });

    it('keeps owner and mode', async () => {
      chmodSync(file, 0o604);
      if (asRoot) chownSync(file, 12, 34);
      const { uid, gid } = statSync(file);
      expect(await machine.write(await read(), { content: next }, never())).toBe(true);
      expect(statSync(file)).toMatchObject({ uid, gid });
      expect(statSync(file).mode & 0o7777).toBe(0o604);
    });

    it.each([
      ['the content changed meanwhile', () => writeFileSync(file, 'newer')],
      ['another hand-out was remembered meanwhile', () => writeFileSync(memoryFile(), 'newer')],
    ])('changes nothing where %s', async (_, meanwhile) => {
      const seen = await read();
      meanwhile();
      const content = readFileSync(file);
      expect(await machine.write(seen, { content: next }, never())).toBe(false);
      expect(readFileSync(file).equals(content)).toBe(true);
      expect(readdirSync(folder).filter((name) => name.includes('new'))).toEqual([]);
    });

    it('remembers no hand-out over another one', async () => {
      const seen = await read();
      expect(await machine.write(seen, { memory: Buffer.from('first') }, never())).toBe(true);
      expect(await machine.write(seen, { memory: Buffer.from('second') }, never())).toBe(false);
      expect(readFileSync(memoryFile(), 'utf8')).toBe('first');
    });

    it('lets one of many writers win, each time', async () => {
      const seen = await read();
      const texts = ['a', 'b', 'c', 'd', 'e'];
      const won = await Promise.all(texts.map((text) => machine.write(seen, { content: Buffer.from(text) }, never())));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(readFileSync(file, 'utf8')).toBe(texts[won.indexOf(true)]);
    });

    it('follows a link, and keeps it', async () => {
      const link = path.join(folder, 'link');
      symlinkSync('a b$c', link);
      const seen = await read(link);
      expect(seen.path).toBe(file);
      expect(await machine.write(seen, { content: next }, never())).toBe(true);
      expect(readFileSync(file).equals(next)).toBe(true);
      expect(realpathSync(link)).toBe(file);
    });

    it('removes what a killed writer left behind, since it may hold a key', async () => {
      const left = path.join(folder, '.a b$c.rekey-new-1234');
      writeFileSync(left, 'a key');
      expect(await machine.write(await read(), { content: next }, never())).toBe(true);
      expect(existsSync(left)).toBe(false);
    });

    it.each([
      ['that is not there', () => path.join(folder, 'none'), /does not exist/],
      ['in a folder that is not there', () => path.join(folder, 'none/none'), /does not exist/],
      ['that is a folder', () => folder, /not a regular file/],
      ['that is a device', () => '/dev/null', /not a regular file/],
      [
        'that is far too long',
        () => {
          writeFileSync(path.join(folder, 'long'), Buffer.alloc(5 * 1024 * 1024));
          return path.join(folder, 'long');
        },
        /longer than/,
      ],
    ])('refuses a file %s', async (_, name, reason) => {
      expect(await failure(read(name()))).toMatchObject({ code: 'KR_HOST_REFUSED', detail: expect.stringMatching(reason) });
    });

    it('says that nothing was changed when the folder has gone', async () => {
      const seen = await read();
      rmSync(folder, { recursive: true });
      expect((await failure(machine.write(seen, { content: next }, never()))).code).toBe('KR_HOST_REFUSED');
      mkdirSync(folder);
    });

    it('does nothing for a caller that has given up', async () => {
      const seen = await read();
      expect((await failure(machine.write(seen, { content: next }, AbortSignal.abort()))).code).toBe('KR_HOST_UNAVAILABLE');
      expect((await failure(machine.read(file, AbortSignal.abort()))).code).toBe('KR_HOST_UNAVAILABLE');
      const ran = machine.run({ script: `touch '${file}.ran'` }, AbortSignal.abort());
      expect((await failure(ran)).code).toBe('KR_HOST_UNAVAILABLE');
      await sleep(50);
      expect(readFileSync(file).equals(seen.content)).toBe(true);
      expect(existsSync(`${file}.ran`)).toBe(false);
    });

    it('runs a command with its arguments and environment, word by word', async () => {
      const script = 'printf "%s|" "$1" "$2" "$REKEY_A"; echo err >&2; exit 3';
      const result = await machine.run({ script, args: ["a 'b' $c", '\n"'], env: { REKEY_A: "it's `x`" } }, never());
      expect(result.exitCode).toBe(3);
      expect(result.output).toContain("a 'b' $c|\n\"|it's `x`|");
      expect(result.output).toContain('err');
      expect((await machine.run({ script: 'kill -9 $$' }, never())).exitCode).not.toBe(0);
    });

    it('ends a command at the deadline, with everything that it started', async () => {
      const script = `(sleep 600; touch '${file}.late') & echo $! > '${file}.pid'; wait`;
      await expect(machine.run({ script }, AbortSignal.timeout(3_000))).rejects.toBeInstanceOf(CommandEnded);
      const child = readFileSync(`${file}.pid`, 'utf8').trim();
      const gone = () => !existsSync(`/proc/${child}`) || readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z ');
      await expect.poll(gone, { timeout: 30_000 }).toBe(true);
    });

    it('leaves a service running that a command started, and does not wait for it', async () => {
      // It serves once the command was found to have ended, and gives up where that never comes.
      const service = `for try in $(seq 600); do [ -e '${file}.go' ] && touch '${file}.served' && exit; sleep 0.1; done`;
      await machine.run({ script: `(${service}) & exit 0` }, AbortSignal.timeout(50_000));
      writeFileSync(`${file}.go`, '');
      await expect.poll(() => existsSync(`${file}.served`), { timeout: 30_000 }).toBe(true);
    });

    it('opens a connection to a door of its own', async () => {
      const server = net.createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const stream = await machine.connect('127.0.0.1', port, never());
      stream.write('ping');
      expect(await new Promise((resolve) => stream.once('data', (data) => resolve(String(data))))).toBe('ping');
      stream.destroy();
      await new Promise((resolve) => server.close(resolve));
      await expect(machine.connect('127.0.0.1', port, never())).rejects.toThrow();
    });
  });
}
