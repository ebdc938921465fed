/**
 * Files of ours are believed only when ours: what others own, can write or have put there is
 * refused by its name, before a byte is read and without waiting for any.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readOwnFile, requireOwnFile, requireOwnFolder } from '../../../activities/ports/own-file.js';

const isRoot = process.getuid?.() === 0;
/** Owns nothing on any machine that runs the tests. */
const stranger = 64_123;

const mount = (...args: readonly string[]) => execFileSync('mount', args, { stdio: 'ignore' });
/** Containers seldom may. */
function canMount(): boolean {
  const here = mkdtempSync(path.join(os.tmpdir(), 'rekey-mount-'));
  try {
    mount('--bind', here, here);
    execFileSync('umount', [here]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(here, { recursive: true, force: true });
  }
}

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-own-'));
  file = path.join(folder, 'state.json');
  writeFileSync(file, 'ours', { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const refused = (place: string, why: string) =>
  expect.objectContaining({ code: 'KR_FILE_NOT_OURS', message: expect.stringContaining(`${place} ${why}`) as string });

describe('a file', () => {
  it('is read where only we can have written it, and may be readable by others', () => {
    expect(readOwnFile(file)).toBe('ours');
    chmodSync(file, 0o444);
    expect(requireOwnFile(file)).toBe('ours');
  });

  it('that is not there is none, and an error where it must be', () => {
    expect(readOwnFile(`${file}.x`)).toBeNull();
    expect(() => requireOwnFile(`${file}.x`)).toThrowError(expect.objectContaining({ code: 'KR_ENVIRONMENT_INVALID' }));
  });

  it.each([0o620, 0o602, 0o666])('that others can write is refused: mode %o', (mode) => {
    chmodSync(file, mode);
    expect(() => readOwnFile(file)).toThrowError(refused(file, `can be written by others (mode ${mode.toString(8)})`));
  });

  it.runIf(isRoot)("that is another account's is refused, also by root, unless it is named", () => {
    chownSync(file, stranger, stranger);
    expect(() => readOwnFile(file)).toThrowError(refused(file, `belongs to user ${stranger}`));
    expect(readOwnFile(file, stranger)).toBe('ours');
  });

  it.runIf(isRoot && canMount())("that is another account's is read where it was mounted for reading alone", () => {
    chownSync(file, stranger, stranger);
    chmodSync(file, 0o664);
    const mounted = mkdtempSync(path.join(os.tmpdir(), 'rekey-mounted-'));
    mount('--bind', folder, mounted);
    try {
      expect(() => readOwnFile(path.join(mounted, 'state.json'))).toThrowError(/belongs to user/);
      mount('-o', 'remount,bind,ro', mounted);
      expect(readOwnFile(path.join(mounted, 'state.json'))).toBe('ours');
      expect(() => readOwnFile(file)).toThrowError(/belongs to user/);
    } finally {
      execFileSync('umount', [mounted]);
      rmSync(mounted, { recursive: true });
    }
  });

  it('that is a pipe, a device or a folder is refused at once', () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const [place, why] of [
      [pipe, 'is no file'],
      ['/dev/zero', 'is no file'],
      [folder, 'is no file'],
    ] as const)
      expect(() => readOwnFile(place)).toThrowError(refused(place, why));
  });

  it('that has no end is refused', () => {
    writeFileSync(file, Buffer.alloc(2 * 1024 * 1024));
    expect(() => readOwnFile(file)).toThrowError(refused(file, 'is too large'));
  });
});

describe('a link', () => {
  it('of ours in a folder of ours is followed, as orchestrators mount secrets', () => {
    symlinkSync(file, path.join(folder, 'link'));
    expect(readOwnFile(path.join(folder, 'link'))).toBe('ours');
    chmodSync(folder, 0o1777);
    expect(readOwnFile(path.join(folder, 'link'))).toBe('ours');
    chmodSync(file, 0o666);
    expect(() => readOwnFile(path.join(folder, 'link'))).toThrowError(refused(path.join(folder, 'link'), 'can be written'));
  });

  it('in a folder where others can swap it is refused', () => {
    symlinkSync(file, path.join(folder, 'link'));
    chmodSync(folder, 0o777);
    expect(() => readOwnFile(path.join(folder, 'link'))).toThrowError(
      refused(path.join(folder, 'link'), "is somebody else's link"),
    );
  });

  it.runIf(isRoot)('of somebody else to a file of ours is refused', () => {
    const theirs = path.join(folder, 'theirs');
    mkdirSync(theirs);
    symlinkSync(file, path.join(theirs, 'link'));
    chownSync(theirs, stranger, stranger);
    expect(() => readOwnFile(path.join(theirs, 'link'))).toThrowError(/somebody else's link/);
    chmodSync(folder, 0o1777);
    execFileSync('ln', ['-s', file, path.join(folder, 'of-stranger')], { uid: stranger, gid: stranger });
    expect(() => readOwnFile(path.join(folder, 'of-stranger'))).toThrowError(/somebody else's link/);
  });
});

describe('a folder', () => {
  it('is ours where only we can add to it, or nobody can change what is ours in it', () => {
    requireOwnFolder(folder);
    requireOwnFolder(path.join(folder, 'not-there'));
    chmodSync(folder, 0o1777);
    requireOwnFolder(folder);
    chmodSync(folder, 0o770);
    expect(() => requireOwnFolder(folder)).toThrowError(refused(folder, 'can be written by others'));
    expect(() => requireOwnFolder(file)).toThrowError(refused(file, 'cannot be opened'));
  });

  it.runIf(isRoot)("is not where it is another account's", () => {
    chownSync(folder, stranger, stranger);
    expect(() => requireOwnFolder(folder)).toThrowError(refused(folder, 'belongs to user'));
  });
});
