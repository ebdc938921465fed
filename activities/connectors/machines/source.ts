/**
 * Owns the file from which a consumer takes its key: read, and changed in one place as a
 * compare-and-swap, behind the fence.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Delivery } from '../../ports/app-host.js';
import { Secret } from '../../ports/secret.js';
import type { MachineConsumer } from './consumer.js';
import { refusedFile } from './errors.js';
import { isPlainText, NoPlace, type Place } from './formats/format.js';
import { findIn } from './formats/index.js';
import type { SourceSeen } from './loaded.js';
import type { Machine, SourceFile } from './machine.js';
import { memoryOf, nothing, parseMemory, raised } from './memory.js';

/**
 * Whoever changes the file between our reading and our writing wins so often, other hand-outs
 * included; after that it is a finding, not a race.
 */
const swapTries = 10;
const settling = 50;
/**
 * Processes are dated in hundredths of a second: one that is started after this wait is seen to be
 * younger than the file.
 */
const clockTick = 20;

/** No configuration is longer; whatever is, was named by mistake. */
export const longestSource = 4 * 1024 * 1024;

export interface Held {
  /** Null where the place is empty. */
  readonly secret: Secret | null;
  readonly seen: SourceSeen;
}

/** What the source holds. Throws KR_HOST_REFUSED where there is no such file or place. */
export async function readSource(machine: Machine, consumer: MachineConsumer, signal: AbortSignal): Promise<Held> {
  const { path: file, content, memory, changedAt, state, clock } = await machine.read(consumer.file, signal);
  const { value } = placeIn(file, content.toString('latin1'), consumer);
  const standing = (memory && parseMemory(memory.toString('utf8')))?.standing ?? null;
  return { secret: value === '' ? null : new Secret(value), seen: { changedAt, state, clock, standing } };
}

/**
 * Puts the secret into its place, unless it stands there already. Changes nothing else; owner and
 * mode stay.
 */
export async function writeSource(
  machine: Machine,
  consumer: MachineConsumer,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<void> {
  const { secret } = delivery.version;
  if (!isPlainText(secret.reveal()))
    throw refusedFile(consumer.file, 'the new key has characters that are not written into configuration files');
  for (let tries = 0; tries < swapTries; tries++) {
    const seen = await fenced(machine, consumer, delivery, signal);
    if (await swap(machine, seen, consumer, secret, signal)) return rememberStanding(machine, consumer, signal);
  }
  throw new RekeyError('KR_SOURCE_CHANGING', `${consumer.file} changed ${swapTries} times while it was being written`);
}

/** The file, once this hand-out is remembered beside it; from then on an older one is refused. */
async function fenced(machine: Machine, consumer: MachineConsumer, delivery: Delivery, signal: AbortSignal): Promise<SourceFile> {
  for (;;) {
    const seen = await machine.read(consumer.file, signal);
    if (seen.names > 1) throw refusedFile(seen.path, 'it has a second name (a hard link), which would keep the old key');
    const place = memoryOf(seen.path);
    const remembered = seen.memory === null ? nothing : parseMemory(seen.memory.toString('utf8'));
    if (remembered === null)
      throw refusedFile(place, 'it remembers the last hand-out and cannot be read; if no rotation is under way, remove it');
    const next = raised(remembered, place, delivery.consumer.name, delivery.fence, delivery.version.generation);
    if (next === null) return seen;
    const memory = Buffer.from(`${JSON.stringify(next)}\n`);
    // Where it is lost to another hand-out, that one has raised a fence: so it comes to an end.
    if (await machine.write(seen, { memory }, signal)) return { ...seen, memory };
  }
}

/**
 * Notes that the file is as it is by now, and when that is since boot: a program that starts later
 * has read it, whatever is done to the wall clock. Somebody else's hand-out that comes between
 * notes its own.
 */
async function rememberStanding(machine: Machine, consumer: MachineConsumer, signal: AbortSignal): Promise<void> {
  const seen = await machine.read(consumer.file, signal);
  const remembered = seen.memory && parseMemory(seen.memory.toString('utf8'));
  if (remembered && seen.clock && remembered.standing?.state !== seen.state) {
    const standing = { state: seen.state, ...seen.clock };
    await machine.write(seen, { memory: Buffer.from(`${JSON.stringify({ ...remembered, standing })}\n`) }, signal);
  }
  await sleep(clockTick);
}

/**
 * Whether the secret stands in its place now; false where somebody else changed the file meanwhile.
 */
async function swap(
  machine: Machine,
  seen: SourceFile,
  consumer: MachineConsumer,
  secret: Secret,
  signal: AbortSignal,
): Promise<boolean> {
  let text: string | null;
  try {
    text = rewrite(seen.content.toString('latin1'), secret, consumer);
  } catch (error) {
    if (!(error instanceof NoPlace)) throw error;
    // Whoever writes a file in place empties it first: only one that stays as it is has no place.
    await sleep(settling);
    if ((await machine.read(consumer.file, signal)).content.equals(seen.content)) throw refusedFile(seen.path, error.message);
    return false;
  }
  if (text === null) return true;
  return machine.write(seen, { content: Buffer.from(text, 'latin1') }, signal);
}

/** The text with the secret in its place; null if it stands there already. */
function rewrite(text: string, secret: Secret, consumer: MachineConsumer): string | null {
  const place = find(text, consumer);
  if (secret.equals(new Secret(place.value))) return null;
  const next = place.replace(secret.reveal());
  // Read back by the same rules: a value that the program would understand differently must not
  // reach it.
  if (find(next, consumer).value !== secret.reveal()) throw new NoPlace(`${consumer.at ?? 'it'} cannot hold the new key`);
  return next;
}

function placeIn(file: string, text: string, consumer: MachineConsumer): Place {
  try {
    return find(text, consumer);
  } catch (error) {
    if (error instanceof NoPlace) throw refusedFile(file, error.message);
    throw error;
  }
}

function find(text: string, { format, at }: MachineConsumer): Place {
  return findIn[format](text, at ?? '');
}
