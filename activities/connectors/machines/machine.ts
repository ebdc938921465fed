/**
 * Owns what a hand-out needs of a machine: one file read and replaced, commands run, an endpoint
 * asked. Which machine it is, only an app host knows.
 */
import type { Duplex } from 'node:stream';
import type { MachineClock } from './loaded.js';

/** A file from which a program takes its key, as it is now. */
export interface SourceFile {
  /** Links followed. */
  readonly path: string;
  readonly content: Buffer;
  /** What stands in the memory of the last hand-out, beside the file; null where there is none. */
  readonly memory: Buffer | null;
  /**
   * When anything about the file changed last, its name included; milliseconds by the machine's own
   * clock.
   */
  readonly changedAt: number;
  /** Another one after any change of the file; compared only for being the same. */
  readonly state: string;
  /** How many names (hard links) it has. */
  readonly names: number;
  /** As it was just after the file was read; null where the machine does not tell. */
  readonly clock: MachineClock | null;
}

export type Change = { readonly memory: Buffer } | { readonly content: Buffer };

export interface Command {
  /** For `sh -c`; nothing secret is ever in it, nor in its arguments or environment. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /**
   * A look or a signal of rekey's own, which may need more rights than a command of the operator is
   * given.
   */
  readonly own?: boolean;
}

export interface CommandResult {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  /** What it printed, on both streams, as far as it is kept. */
  readonly output: string;
}

/** It was still running at the deadline, or was not seen to end. */
export class CommandEnded extends Error {
  override readonly name = 'CommandEnded';
}

/** Errors are `RekeyError`, but for `run`. */
export interface Machine {
  /**
   * Throws KR_HOST_REFUSED where there is no such file, or it may not be used; KR_HOST_UNAVAILABLE
   * where it cannot be told now.
   */
  read(file: string, signal: AbortSignal): Promise<SourceFile>;

  /**
   * Replaces the content, or the memory, as a whole, under a lock that all writers of rekey take:
   * written aside, renamed, owner and mode kept. False: content or memory is no longer what was
   * seen, and nothing was changed.
   */
  write(seen: SourceFile, change: Change, signal: AbortSignal): Promise<boolean>;

  /**
   * Throws `CommandEnded` once the command may have begun, RekeyError where it certainly did not.
   */
  run(command: Command, signal: AbortSignal): Promise<CommandResult>;

  /** A connection as the machine's own programs make it: `127.0.0.1` is the machine itself. */
  connect(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
}
