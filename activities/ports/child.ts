/**
 * Owns how a program is started: with an environment that was put together for it. Ours holds
 * management credentials, and every account of a program that we start can read what it was given.
 */
import {
  type ChildProcess,
  type ExecFileOptions,
  execFile,
  type SpawnOptions,
  type SpawnSyncOptions,
  spawn,
  spawnSync,
} from 'node:child_process';
import { promisify } from 'node:util';

declare const made: unique symbol;
/** Made by the two functions below and by nothing else. */
export type ChildEnvironment = Readonly<Record<string, string>> & { readonly [made]: true };

/** Enough to find programs, the session and the time. */
const passed = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
];

/** For every program that is not ours: `own`, and of our environment what stands on the list. */
export function childEnvironment(
  own: Readonly<Record<string, string>> = {},
  alsoPassed: readonly string[] = [],
): ChildEnvironment {
  const { env } = process;
  const of = [...passed, ...alsoPassed].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  return { ...Object.fromEntries(of), ...own } as ChildEnvironment;
}

/**
 * For a program of ours that goes on in our place and as our account: `own`, and all that we were
 * told but what it must not hear.
 */
export function ownEnvironment(
  own: Readonly<Record<string, string>> = {},
  isKept: (name: string) => boolean = () => false,
): ChildEnvironment {
  const told = Object.entries(process.env).filter(([name]) => !isKept(name));
  return { ...Object.fromEntries(told), ...own } as unknown as ChildEnvironment;
}

interface Given {
  readonly env: ChildEnvironment;
}

export function startProgram(command: string, args: readonly string[], options: SpawnOptions & Given): ChildProcess {
  return spawn(command, args, options);
}

/** Runs it to its end; rejects where that is not a good one. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ExecFileOptions & Given,
): Promise<{ readonly stdout: string }> {
  return promisify(execFile)(command, args, { ...options, encoding: 'utf8' });
}

export function runProgramSync(command: string, args: readonly string[], options: SpawnSyncOptions & Given) {
  return spawnSync(command, args, { ...options, encoding: 'utf8' });
}
