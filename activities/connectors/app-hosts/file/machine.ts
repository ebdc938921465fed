/**
 * Owns the worker's own machine: its files, replaced as a whole under a lock, its commands and its
 * endpoints.
 */
import type { Stats } from 'node:fs';
import { open, readFile, realpath, stat } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { codeOf, fileFault, refusedFile } from '../../machines/errors.js';
import { clockOf, type MachineClock } from '../../machines/loaded.js';
import {
  type Change,
  type Command,
  CommandEnded,
  type CommandResult,
  type Machine,
  type SourceFile,
} from '../../machines/machine.js';
import { memoryOf } from '../../machines/memory.js';
import { longestSource } from '../../machines/source.js';
import { runCommand } from './commands.js';
import { withLock } from './lock.js';
import { removeLeftovers, replaceFile } from './replace.js';

export class LocalMachine implements Machine {
  async read(named: string, signal: AbortSignal): Promise<SourceFile> {
    try {
      // A link stays a link: what it leads to is read and replaced.
      const file = await realpath(named);
      const { content, info } = await readWhole(file, signal);
      return {
        path: file,
        content,
        memory: await readIfThere(memoryOf(file)),
        changedAt: info.ctimeMs,
        state: `${info.ino} ${info.ctimeMs}`,
        names: info.nlink,
        clock: await readClock(),
      };
    } catch (error) {
      throw fileFault(error, named);
    }
  }

  async write(seen: SourceFile, change: Change, signal: AbortSignal): Promise<boolean> {
    const file = seen.path;
    try {
      return await withLock(path.join(path.dirname(file), `.${path.basename(file)}.rekey.lock`), signal, async () => {
        await removeLeftovers(file);
        const memory = await readIfThere(memoryOf(file));
        if (memory === null ? seen.memory !== null : seen.memory === null || !memory.equals(seen.memory)) return false;
        if ('memory' in change) return replaceFile(memoryOf(file), change.memory, { mode: 0o600 });
        const { mode, uid, gid } = await stat(file);
        return replaceFile(file, change.content, { mode: mode & 0o7777, uid, gid }, async () => {
          if (signal.aborted)
            throw new RekeyError('KR_HOST_UNAVAILABLE', `${file}: no time was left to change it; nothing was changed`);
          return (await readWhole(file, signal)).content.equals(seen.content);
        });
      });
    } catch (error) {
      throw fileFault(error, file);
    }
  }

  async run({ script, args = [], env = {} }: Command, signal: AbortSignal): Promise<CommandResult> {
    try {
      return await runCommand(script, args, env, signal);
    } catch (error) {
      if (error instanceof CommandEnded) throw error;
      throw new RekeyError('KR_HOST_UNAVAILABLE', 'a command could not be started');
    }
  }

  connect(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const late = () => new RekeyError('KR_HOST_UNAVAILABLE', `${host}:${port}: no connection within the deadline`);
      if (signal.aborted) return reject(late());
      const socket = net.connect({ host, port });
      const onAbort = () => {
        socket.destroy();
        reject(late());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        signal.removeEventListener('abort', onAbort);
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }
}

/** Null on a system without /proc. */
async function readClock(): Promise<MachineClock | null> {
  const [uptime, boot] = await Promise.all([readIfThere('/proc/uptime'), readIfThere('/proc/sys/kernel/random/boot_id')]);
  return uptime && boot && clockOf(`${uptime}`, `${boot}`, Date.now());
}

async function readWhole(file: string, signal: AbortSignal): Promise<{ content: Buffer; info: Stats }> {
  const handle = await open(file, 'r');
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw refusedFile(file, 'it is not a regular file');
    if (info.size > longestSource) throw refusedFile(file, `it is longer than ${longestSource} bytes`);
    return { content: await readFile(handle, { signal }), info };
  } finally {
    await handle.close();
  }
}

async function readIfThere(file: string): Promise<Buffer | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
