/**
 * Owns which files rekey believes: those that only this account and root can have written, asked of
 * the open file and before a byte of it is read.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { RekeyError } from '../../workflows/domain/errors.js';

/** Far more than any of them has: keys, passwords, certificates, the state of a home. */
const most = 1024 * 1024;

/** Null where there is none. `alsoOf`: an account that may own it, beside ours and root. */
export function readOwnFile(file: string, alsoOf?: number): string | null {
  const opened = open(file, constants.O_NONBLOCK);
  if (opened === null) return null;
  try {
    const stats = fstatSync(opened);
    if (!stats.isFile()) throw notOurs(file, 'is no file');
    requireOurs(file, opened, stats, alsoOf);
    const bytes = Buffer.alloc(Math.min(stats.size, most) + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(opened, bytes, length, bytes.length - length, null);
    if (length > most) throw notOurs(file, 'is too large to be one');
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(opened);
  }
}

/** The same of a file that must be there. */
export function requireOwnFile(file: string): string {
  const text = readOwnFile(file);
  if (text === null) throw new RekeyError('KR_ENVIRONMENT_INVALID', `${file} is not there`);
  return text;
}

/** Whoever can write a folder decides what stands in it. One that is not there is nobody's. */
export function requireOwnFolder(folder: string): void {
  const opened = open(folder, constants.O_DIRECTORY);
  if (opened === null) return;
  try {
    requireOurs(folder, opened, fstatSync(opened));
  } finally {
    closeSync(opened);
  }
}

/** Without waiting: to open a pipe would take until somebody writes into it. */
function open(place: string, flags: number): number | null {
  const how = constants.O_RDONLY | flags;
  try {
    return openSync(place, how | (isOurLink(place) ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw notOurs(place, code === 'ELOOP' ? "is somebody else's link" : `cannot be opened (${code})`);
  }
}

/**
 * A link that nobody else can have made or swapped, as orchestrators mount secrets: ours, in a
 * folder where others cannot replace what is not theirs.
 */
function isOurLink(place: string): boolean {
  const link = lstatSync(place, { throwIfNoEntry: false });
  if (!link?.isSymbolicLink() || !isTrusted(link.uid)) return false;
  const folder = statSync(path.dirname(place));
  return isTrusted(folder.uid) && !canBeChanged(folder);
}

function requireOurs(place: string, opened: number, stats: Stats, alsoOf?: number): void {
  // Whoever mounted it for reading alone has administered this machine, and nobody changes it here.
  if (isMountedForReading(opened)) return;
  if (!isTrusted(stats.uid) && stats.uid !== alsoOf)
    throw notOurs(place, `belongs to user ${stats.uid}, and this is user ${process.geteuid?.()}`);
  if (canBeChanged(stats)) throw notOurs(place, `can be written by others (mode ${(stats.mode & 0o7777).toString(8)})`);
}

/** Where the system knows no owners, there is nothing to ask. */
function isTrusted(uid: number): boolean {
  return process.geteuid === undefined || uid === process.geteuid() || uid === 0;
}

/** In a folder with the sticky bit others can add, and change nothing that is not theirs. */
function canBeChanged(stats: Stats): boolean {
  return process.geteuid !== undefined && (stats.mode & 0o022) !== 0 && !(stats.isDirectory() && (stats.mode & 0o1000) !== 0);
}

/** Of the very mount that it was opened through; where the system does not tell, it is not. */
function isMountedForReading(opened: number): boolean {
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${opened}`, 'utf8'))?.[1];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const options = mounts.map((line) => line.split(' ')).find(([mount]) => mount === id)?.[5];
    return options?.split(',').includes('ro') ?? false;
  } catch {
    return false;
  }
}

const notOurs = (place: string, why: string): RekeyError => new RekeyError('KR_FILE_NOT_OURS', `${place} ${why}`);
