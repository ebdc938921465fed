/** Owns the file from which a consumer takes its key: read, and changed in one place as a compare-and-swap, under lock and fence. */
import type { Stats } from 'node:fs';
import { open, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Delivery } from '../../ports/app-host.js';
import { Secret } from '../../ports/secret.js';
import type { FileConsumer } from './config.js';
import { fileFault, refusedFile } from './errors.js';
import { raiseFence } from './fences.js';
import { isPlainText, NoPlace, type Place } from './formats/format.js';
import { findIn } from './formats/index.js';
import { withLock } from './lock.js';
import { removeLeftovers, replaceFile } from './replace.js';

const longest = 4 * 1024 * 1024;
/** Whoever changes the file between our reading and our writing wins so often; after that it is a finding, not a race. */
const swapTries = 4;
const settling = 50;

/** The secret that the source holds; null where its place is empty. Throws KR_HOST_REFUSED where there is no such file or place. */
export async function readSource(consumer: FileConsumer, signal: AbortSignal): Promise<Secret | null> {
  try {
    const file = await realpath(consumer.file);
    const { value } = placeIn(file, (await readText(file, signal)).toString('latin1'), consumer);
    return value === '' ? null : new Secret(value);
  } catch (error) {
    throw fileFault(error, consumer.file);
  }
}

/** Puts the secret into its place, unless it stands there already. Changes nothing else; owner and mode stay. */
export async function writeSource(consumer: FileConsumer, delivery: Delivery, signal: AbortSignal): Promise<void> {
  const { secret, generation } = delivery.version;
  if (!isPlainText(secret.reveal()))
    throw refusedFile(consumer.file, 'the new key has characters that are not written into configuration files');
  try {
    // A link stays a link: what it leads to is replaced.
    const file = await realpath(consumer.file);
    mustBeFile(file, await stat(file));
    await withLock(beside(file, '.rekey.lock'), signal, async () => {
      await removeLeftovers(file);
      await raiseFence(beside(file, '.rekey'), delivery.consumer.name, delivery.fence, generation);
      await swap(file, consumer, secret, signal);
    });
  } catch (error) {
    throw fileFault(error, consumer.file);
  }
}

async function swap(file: string, consumer: FileConsumer, secret: Secret, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < swapTries; tries++) {
    const { mode, uid, gid, nlink } = await stat(file);
    if (nlink > 1) throw refusedFile(file, 'it has a second name (a hard link), which would keep the old key');
    const before = await readText(file, signal);
    const unchanged = async () => {
      if (signal.aborted)
        throw new RekeyError('KR_HOST_UNAVAILABLE', `${file}: no time was left to change it; nothing was changed`);
      return (await readText(file, signal)).equals(before);
    };
    try {
      const text = rewrite(before.toString('latin1'), secret, consumer);
      if (text === null) return;
      if (await replaceFile(file, Buffer.from(text, 'latin1'), { mode: mode & 0o7777, uid, gid }, unchanged)) return;
    } catch (error) {
      if (!(error instanceof NoPlace)) throw error;
      // Whoever writes a file in place empties it first: only one that stays as it is has no place.
      await sleep(settling);
      if (await unchanged()) throw refusedFile(file, error.message);
    }
  }
  throw new RekeyError('KR_SOURCE_CHANGING', `${file} changed ${swapTries} times while it was being written`);
}

/** The text with the secret in its place; null if it stands there already. */
function rewrite(text: string, secret: Secret, { format, at }: FileConsumer): string | null {
  const place = findIn[format](text, at);
  if (secret.equals(new Secret(place.value))) return null;
  const next = place.replace(secret.reveal());
  // Read back by the same rules: a value that the program would understand differently must not reach it.
  if (findIn[format](next, at).value !== secret.reveal()) throw new NoPlace(`${at} cannot hold the new key`);
  return next;
}

function placeIn(file: string, text: string, consumer: FileConsumer): Place {
  try {
    return findIn[consumer.format](text, consumer.at);
  } catch (error) {
    if (error instanceof NoPlace) throw refusedFile(file, error.message);
    throw error;
  }
}

async function readText(file: string, signal: AbortSignal): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const info = await handle.stat();
    mustBeFile(file, info);
    if (info.size > longest) throw refusedFile(file, `it is longer than ${longest} bytes`);
    return await readFile(handle, { signal });
  } finally {
    await handle.close();
  }
}

function mustBeFile(file: string, info: Stats): void {
  if (!info.isFile()) throw refusedFile(file, 'it is not a regular file');
}

function beside(file: string, ending: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}${ending}`);
}
