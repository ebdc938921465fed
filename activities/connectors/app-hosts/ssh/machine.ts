/**
 * Owns a machine that is reached by SSH: its files by fixed scripts, its commands, and its
 * endpoints through the connection.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { clockOf } from '../../machines/loaded.js';
import {
  type Change,
  type Command,
  CommandEnded,
  type CommandResult,
  type Machine,
  type SourceFile,
} from '../../machines/machine.js';
import { longestSource } from '../../machines/source.js';
import { type Ended, execute, Unseen } from './client.js';
import type { SshSettings } from './config.js';
import type { Connections, Target } from './connections.js';
import { exits, scriptFault } from './errors.js';
import * as scripts from './scripts.js';

const keptOfCommands = 256 * 1024;
/** The exit code of `timeout`. */
const ranOut = 124;
/** Two files in base64. */
const keptOfFiles = 4 * longestSource;

export class RemoteMachine implements Machine {
  constructor(
    private readonly connections: Connections,
    private readonly target: Target,
    private readonly settings: SshSettings,
  ) {}

  async read(file: string, signal: AbortSignal): Promise<SourceFile> {
    const command = this.#own(['timeout', '-k', '2', this.#seconds, 'sh', '-c', scripts.read, 'rekey', file]);
    const { exitCode, stdout, stderr } = await this.#seen(command, Buffer.alloc(0), 'KR_HOST_UNAVAILABLE', file, signal);
    if (exitCode !== 0) throw scriptFault(exitCode, stderr.toString('utf8'), file);
    const [path = '', facts = '', memory = '', content = '', ...clock] = stdout.toString('latin1').split('\n');
    const [, inode, names, day, time, zone] = /^(\d+) (\d+) (\S+) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})$/.exec(facts) ?? [];
    if (names === undefined)
      throw new RekeyError('KR_HOST_UNAVAILABLE', `${file}: the machine does not tell when it was changed`);
    return {
      path: Buffer.from(path, 'base64').toString('utf8'),
      content: Buffer.from(content, 'base64'),
      memory: memory === '-' ? null : Buffer.from(memory, 'base64'),
      changedAt: timeOf(`${day}T${time}${zone}`),
      state: `${inode} ${day} ${time}`,
      names: Number(names),
      clock: clockOf(clock[0] ?? '', clock[1] ?? '', Number(clock[2]) * 1000),
    };
  }

  async write(seen: SourceFile, change: Change, signal: AbortSignal): Promise<boolean> {
    const [which, content] = 'memory' in change ? ['memory', change.memory] : ['content', change.content];
    const args = [seen.path, sum(seen.content), seen.memory === null ? '-' : sum(seen.memory), which as string];
    const command = this.#own(['timeout', '-k', '2', this.#seconds, 'sh', '-c', scripts.write, 'rekey', ...args]);
    const input = Buffer.concat([Buffer.from(`${sum(content as Buffer)}\n`), content as Buffer]);
    const { exitCode, stderr } = await this.#seen(command, input, 'KR_HOST_UNCLEAR', seen.path, signal);
    if (exitCode === 0) return true;
    if (exitCode === exits.changed) return false;
    if (exitCode === ranOut)
      throw new RekeyError('KR_HOST_UNCLEAR', `${seen.path}: the script was still running at the deadline`);
    throw scriptFault(exitCode, stderr.toString('utf8'), seen.path);
  }

  async run({ script, args = [], env = {}, own = false }: Command, signal: AbortSignal): Promise<CommandResult> {
    const words = ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    words.push('sh', '-c', scripts.supervise, 'rekey', this.#seconds, script, ...args);
    try {
      const { exitCode, stdout, stderr } = await this.connections.use(this.target, signal, (client) =>
        execute(client, own ? this.#own(words) : line(words), null, keptOfCommands, signal),
      );
      if (exitCode === ranOut) throw new CommandEnded('still running at the deadline');
      return { exitCode: exitCode !== null && exitCode > 128 && exitCode < 160 ? null : exitCode, output: `${stdout}${stderr}` };
    } catch (error) {
      if (error instanceof Unseen && error.sent) throw new CommandEnded(error.message);
      if (error instanceof Unseen)
        throw new RekeyError('KR_HOST_UNAVAILABLE', `${this.target.address}: a command was ${error.message}`);
      throw error;
    }
  }

  /** The connection to the machine is kept as long as what goes through it. */
  connect(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      this.connections
        .use(this.target, signal, async (client) => {
          const stream = await this.#forward(client, host, port, signal);
          resolve(stream);
          await new Promise((closed) => stream.once('close', closed));
        })
        .catch(reject);
    });
  }

  #forward(client: Client, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const { address } = this.target;
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new RekeyError('KR_HOST_UNAVAILABLE', `${address}: no way to ${host}:${port} within the deadline`));
      signal.addEventListener('abort', late, { once: true });
      client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
        signal.removeEventListener('abort', late);
        if (signal.aborted) stream?.destroy();
        else if (!error) resolve(stream);
        // RFC 4254, 5.1: 1 is "administratively prohibited".
        else if ('reason' in error && error.reason === 1)
          reject(new RekeyError('KR_HOST_REFUSED', `${address}: it lets us connect to nothing (AllowTcpForwarding)`));
        else reject(error);
      });
    });
  }

  async #seen(
    command: string,
    input: Buffer,
    unseen: 'KR_HOST_UNAVAILABLE' | 'KR_HOST_UNCLEAR',
    file: string,
    signal: AbortSignal,
  ): Promise<Ended> {
    try {
      return await this.connections.use(this.target, signal, (client) => execute(client, command, input, keptOfFiles, signal));
    } catch (error) {
      if (!(error instanceof Unseen)) throw error;
      const code = error.sent ? unseen : 'KR_HOST_UNAVAILABLE';
      throw new RekeyError(code, `${this.target.address}: ${file}: the script was ${error.message}`);
    }
  }

  /**
   * Without a terminal there is nobody who could type a password: `sudo -n` fails at once where it
   * would ask for one.
   */
  #own(words: readonly string[]): string {
    return line(this.settings.sudo ? ['sudo', '-n', '--', ...words] : words);
  }

  get #seconds(): string {
    return `${Math.ceil(this.settings.timing.request / 1000)}`;
  }
}

function line(words: readonly string[]): string {
  return words.map(scripts.quote).join(' ');
}

function sum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Milliseconds with their fraction. Without one the file may have changed at the end of the second.
 */
function timeOf(text: string): number {
  const [, second, fraction, zone] = /^(.*?)(\.\d+)?([+-]\d{4})$/.exec(text)!;
  const whole = Date.parse(`${second}${zone!.replace(/(\d\d)$/, ':$1')}`);
  return whole + (fraction === undefined ? 1000 : Number(fraction) * 1000);
}
