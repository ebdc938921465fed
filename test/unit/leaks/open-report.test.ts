/** A report is a file, or comes through a pipe; what cannot be read is said without its name. */
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { openReport } from '../../../client/leaks/open-report.js';
import { readReport } from '../../../client/leaks/report.js';
import { holds } from './support.js';

const value = '3f1c0b8e94d24f7ab1d6c05e7a2f9c31';
const folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-leaks-'));
const file = path.join(folder, 'report.txt');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (place: string) => readReport(openReport(place));

describe('a report', () => {
  it('is read from a file, however long', async () => {
    writeFileSync(file, `${value}\n${' '.repeat(1024 * 1024)}\n${value}0`);
    const report = await read(file);
    expect([holds(report, value), holds(report, `${value}0`)]).toEqual([true, true]);
  });

  it('is read from standard input', async () => {
    const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(value)]) as typeof process.stdin);
    expect(holds(await read('-'), value)).toBe(true);
    stdin.mockRestore();
  });

  it('is read from the pipe of a process substitution, to its end', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Opened both ways, which waits for nobody.
    const ends = openSync(pipe, 'r+');
    writeFileSync(ends, `${value}\n`);
    const report = openReport(`/dev/fd/${ends}`);
    expect(Buffer.from((await report.next()).value!).toString()).toBe(`${value}\n`);
    closeSync(ends);
    expect((await report.next()).done).toBe(true);
  });

  it('of nothing is empty', async () => {
    expect(await read('/dev/null')).toMatchObject({ read: 0 });
  });
});

describe('what cannot be read', () => {
  it.each([
    ['is not there', path.join(folder, value), 'the file with the report is not there'],
    ['is the value itself', value, 'the file with the report is not there'],
    ['is a folder', folder, 'what was given as the report is a folder'],
    ['has no name that a file could have', `${value}\0`, 'the report cannot be read (ERR_INVALID_ARG_VALUE)'],
    ['has a name that is too long', value.repeat(1000), 'the report cannot be read (ENAMETOOLONG)'],
  ])('%s', async (_, place, detail) => {
    const error: unknown = await read(place).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KR_LEAKS_UNREADABLE', detail });
  });

  it('is of another account', async () => {
    writeFileSync(file, value);
    chmodSync(file, 0);
    const detail = 'the file with the report may not be read by this account';
    // Root may read everything.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await expect(read(file)).rejects.toMatchObject({ code: 'KR_LEAKS_UNREADABLE', detail });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('breaks off on standard input', async () => {
    const broken = new Readable({
      read() {
        this.destroy(Object.assign(new Error(value), { code: 'EIO' }));
      },
    });
    const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(broken as typeof process.stdin);
    await expect(read('-')).rejects.toMatchObject({ code: 'KR_LEAKS_UNREADABLE', detail: 'the report cannot be read (EIO)' });
    stdin.mockRestore();
  });
});
