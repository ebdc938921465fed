/** Owns the command line as tests use it: a program of its own, on an installation. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const program = path.resolve(import.meta.dirname, '../../dist/client/main.js');

export interface Said {
  readonly status: number | null;
  /** All that it said, on both streams. */
  readonly text: string;
  /** The last line of its standard output where it is JSON, else empty. */
  readonly json: { readonly [key: string]: unknown };
}

export interface Given {
  /** For its standard input. */
  readonly input?: string;
  /** Beside what the installation's programs have. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Where a lane's, or a whole `rekey up`'s, programs find each other. */
export interface Reached {
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs `rekey` with these arguments until it ends. */
export async function rekey(reached: Reached, args: readonly string[], { input = '', env = {} }: Given = {}): Promise<Said> {
  const child = spawn(process.execPath, [program, ...args], { env: { ...reached.environment, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  // It may end without reading what it is given.
  child.stdin.on('error', () => undefined).end(input);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, text: stdout + stderr, json: lastLine(stdout) };
}

function lastLine(text: string): Said['json'] {
  try {
    return JSON.parse(text.trim().split('\n').at(-1)!) as Said['json'];
  } catch {
    return {};
  }
}
