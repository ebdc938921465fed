/**
 * Owns the connections to machines: one for each, kept for a while, made only to a machine whose
 * host key is known.
 */
import { homedir } from 'node:os';
import path from 'node:path';
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { ConnectorContext } from '../../../ports/connector.js';
import { readOwnFile } from '../../../ports/own-file.js';
import type { SshSettings } from './config.js';
import { connectionFault, privateKeyFault } from './errors.js';
import { fingerprintOf, type KnownKeys, keysFor, nameOf, type Place, parseAddress } from './known-hosts.js';
import { Limit } from './limit.js';

/** A machine as a consumer names it. */
export interface Target {
  readonly address: string;
  readonly hostKey?: string | undefined;
}

interface Open {
  readonly client: Promise<Client>;
  /** What the machine has shown of itself. */
  readonly shown: { hostKey: string };
  readonly channels: Limit;
  users: number;
  forget(): void;
  idle?: NodeJS.Timeout;
}

/**
 * Milliseconds for which a connection that nobody uses is kept: from a hand-out to the looks that
 * follow it.
 */
const keptFor = 10_000;
/** OpenSSH lets a connection have ten sessions (`MaxSessions`), and refuses the next. */
const channelsEach = 8;
const keepAlive = { keepaliveInterval: 5_000, keepaliveCountMax: 3 };

/** SHA-1 is not among them, whatever the machine offers. */
const hostKeyTypes: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** Loaded with the first connection: most workers never make one. */
const ssh2 = async () => (await import('ssh2')).default;

export class Connections {
  readonly #open = new Map<string, Open>();
  readonly #limit: Limit;

  constructor(
    private readonly settings: SshSettings,
    private readonly context: ConnectorContext,
  ) {
    this.#limit = new Limit(settings.parallel);
  }

  /**
   * Work on a connection to the machine. Throws RekeyError where there is none: nothing was sent
   * then.
   */
  use<T>(target: Target, signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
    return this.#withOpen(target, signal, work);
  }

  /** The fingerprint of the key that the machine has shown: on the connection that is used next. */
  hostKeyOf(target: Target, signal: AbortSignal): Promise<string> {
    return this.#withOpen(target, signal, async (_, { shown }) => shown.hostKey);
  }

  async #withOpen<T>(target: Target, signal: AbortSignal, work: (client: Client, open: Open) => Promise<T>): Promise<T> {
    const leave = await this.#limit.take(signal);
    try {
      const open = this.#take(target, signal);
      try {
        const client = await open.client;
        const done = await open.channels.take(signal);
        try {
          return await work(client, open);
        } finally {
          done();
        }
      } finally {
        this.#giveBack(open);
      }
    } finally {
      leave();
    }
  }

  #take(target: Target, signal: AbortSignal): Open {
    const key = JSON.stringify([target.address, target.hostKey ?? null]);
    const known = this.#open.get(key);
    if (known) {
      clearTimeout(known.idle);
      known.users++;
      return known;
    }
    const shown = { hostKey: '' };
    const client = this.#connect(target, signal, shown);
    const forget = () => {
      if (this.#open.get(key) === open) this.#open.delete(key);
    };
    const open: Open = { client, shown, channels: new Limit(channelsEach), users: 1, forget };
    client.then((connected) => connected.on('close', forget), forget);
    this.#open.set(key, open);
    return open;
  }

  #giveBack(open: Open): void {
    open.users--;
    if (open.users > 0) return;
    open.idle = setTimeout(() => {
      open.forget();
      open.client.then((client) => client.end()).catch(() => undefined);
    }, keptFor);
  }

  async #connect(target: Target, signal: AbortSignal, shown: Open['shown']): Promise<Client> {
    const place = parseAddress(target.address);
    const known = target.hostKey === undefined ? await this.#knownKeys(place) : null;
    const authentication = await this.#authentication();
    const { Client } = await ssh2();
    const client = new Client();
    let refusal: string | null = null;
    return new Promise((resolve, reject) => {
      const fail = (error: RekeyError) => {
        signal.removeEventListener('abort', onAbort);
        client.destroy();
        reject(error);
      };
      const onAbort = () => fail(new RekeyError('KR_HOST_UNAVAILABLE', `${target.address}: no connection within the deadline`));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      client.on('error', (error) =>
        fail(
          refusal === null
            ? connectionFault(error, target.address, this.settings.user)
            : new RekeyError('KR_HOST_REFUSED', refusal),
        ),
      );
      client.on('close', () => fail(new RekeyError('KR_HOST_UNAVAILABLE', `${target.address}: the connection was closed`)));
      client.on('ready', () => {
        signal.removeEventListener('abort', onAbort);
        resolve(client);
      });
      client.connect({
        host: place.host,
        port: place.port,
        username: this.settings.user,
        ident: /^rekey\/[\w.]+/.exec(this.context.userAgent)?.[0].replace('/', '_') ?? 'rekey',
        algorithms: { serverHostKey: [...algorithmsFor(known)] },
        hostVerifier: (key: Buffer) => {
          shown.hostKey = fingerprintOf(key);
          refusal = refusalOf(key, place, known, target.hostKey, this.#knownHosts);
          return refusal === null;
        },
        readyTimeout: 0,
        ...keepAlive,
        ...authentication,
      });
    });
  }

  async #authentication(): Promise<Partial<ConnectConfig>> {
    const { management } = this.settings;
    if (management === null) {
      const agent = process.env.SSH_AUTH_SOCK;
      if (!agent)
        throw new RekeyError(
          'KR_HOST_REFUSED',
          `${this.context.name}: the worker has no SSH agent; start it with SSH_AUTH_SOCK, or name management.privateKey`,
        );
      return { agent, authHandler: ['agent'] };
    }
    const privateKey = (await this.context.resolve(management.privateKey)).reveal();
    const passphrase = management.passphrase && (await this.context.resolve(management.passphrase)).reveal();
    const { utils } = await ssh2();
    if (utils.parseKey(`${privateKey}\n`, passphrase) instanceof Error) throw privateKeyFault(this.context.name);
    return { privateKey: `${privateKey}\n`, ...(passphrase && { passphrase }), authHandler: ['publickey'] };
  }

  get #knownHosts(): string {
    return this.settings.knownHosts ?? path.join(homedir(), '.ssh', 'known_hosts');
  }

  async #knownKeys(place: Place): Promise<KnownKeys> {
    const file = this.#knownHosts;
    // Whoever can write it says which machines are the right ones.
    const text = readOwnFile(file);
    if (text === null)
      throw new RekeyError('KR_HOST_REFUSED', `${this.context.name}: ${file} is not there; make it, or pin hostKey`);
    const known = keysFor(text, place);
    if (known.trusted.length === 0)
      throw new RekeyError(
        'KR_HOST_REFUSED',
        `${nameOf(place)} is not in ${file}; compare its fingerprint on the machine (ssh-keygen -lf), then add its key there or pin hostKey`,
      );
    return known;
  }
}

/** The kinds of keys that are known, so that the machine does not show one of another kind. */
function algorithmsFor(known: KnownKeys | null): readonly ServerHostKeyAlgorithm[] {
  if (known === null) return hostKeyTypes;
  const types = new Set(known.trusted.map(({ type }) => type));
  return hostKeyTypes.filter((name) => types.has(name.startsWith('rsa-') ? 'ssh-rsa' : name));
}

/** Why the machine is not the one that is meant, and what to do; null where it is. */
function refusalOf(key: Buffer, place: Place, known: KnownKeys | null, pinned: string | undefined, file: string): string | null {
  const shown = key.toString('base64');
  const who = `${nameOf(place)} shows the host key ${fingerprintOf(key)}`;
  const cure = 'find out on the machine which is right: if it was made anew, correct';
  if (known === null) return fingerprintOf(key) === pinned ? null : `${who}, not the pinned ${pinned}; ${cure} hostKey`;
  if (known.revoked.includes(shown)) return `${who}, which ${file} marks as revoked; give the machine another`;
  return known.trusted.some((trusted) => trusted.key === shown) ? null : `${who}, not the one of ${file}; ${cure} the file`;
}
