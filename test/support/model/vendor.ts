/**
 * Owns a key store that is nothing but its rules: requests land when the model says, some twice,
 * some late, some never, and the caller need not hear of it.
 */
import { createHash } from 'node:crypto';
import type { KeyDescription, KeyStore, KeyStoreCapabilities } from '../../../activities/ports/key-store.js';
import { Secret } from '../../../activities/ports/secret.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Worker } from './worker.js';

export const timing = { request: 1_000, settle: 500, propagation: 300, lastUsedLag: 0 } as const;

export interface ModelKey {
  readonly id: string;
  readonly tag: string;
  secret: Secret;
  alive: boolean;
  /** The store's mark of the last change of the secret. */
  mark: number;
}

export type EffectKind = 'create' | 'revoke' | 'regenerate';

/** A request that changes something, from the moment at which it was handed to the network. */
export interface Request {
  readonly kind: EffectKind;
  readonly by: Worker;
  /** The attempt of `once` that sent it. */
  readonly attempt: string | null;
  readonly keyId: string | null;
  /**
   * The last moment at which it can land: its deadline and the settle time that the store declares.
   */
  readonly until: number;
  readonly land: () => void;
  landed: number;
  /** Its sender has given up or is dead, but it is still on its way. */
  held: boolean;
}

/**
 * How a request fares. The caller hears the truth in the first three; in the last three it hears
 * nothing, and learns that the answer is unclear.
 */
const fates = ['done', 'twice', 'refused', 'lost', 'dropped', 'held'] as const;
type Fate = (typeof fates)[number];

export class ModelVendor {
  readonly keys = new Map<string, ModelKey>();
  readonly requests: Request[] = [];
  /** Called before a key's secret dies, with the request that does it. */
  beforeDeath: (key: ModelKey, request: Request) => void = () => undefined;
  #made = 0;

  constructor(
    private readonly now: () => number,
    private readonly account: string,
    private readonly secretReadable: 'never' | 'always',
  ) {}

  make(tag: string): ModelKey {
    const number = ++this.#made;
    const key = { id: `${this.account}-k${number}`, tag, secret: this.#newSecret(), alive: true, mark: 0 };
    this.keys.set(key.id, key);
    return key;
  }

  get alive(): readonly ModelKey[] {
    return [...this.keys.values()].filter((key) => key.alive);
  }

  /** Requests that nobody waits for any more, and that can still land. */
  get held(): readonly Request[] {
    return this.requests.filter((request) => request.held && this.now() <= request.until);
  }

  /** A worker that dies while it waits for an answer leaves its request on the way. */
  bury(worker: Worker): void {
    if (worker.gate && fates.slice(1).join() === worker.gate.ways.join())
      this.requests.findLast((request) => request.by === worker)!.held = true;
  }

  landLate(request: Request): void {
    request.held = false;
    this.#land(request);
  }

  /** The store as one worker sees it. */
  seenBy(worker: Worker): KeyStore {
    const look = async <Answer>(what: string, answer: () => Answer): Promise<Answer> => {
      const way = await worker.pass(what, ['away']);
      if (way === 'away' || this.now() >= worker.deadline) throw new RekeyError('KR_STORE_UNAVAILABLE', `${what}: no answer`);
      return answer();
    };
    const capabilities: KeyStoreCapabilities = {
      secretReadable: this.secretReadable,
      idIsSecret: false,
      listsKeys: true,
      regenerate: true,
      disable: false,
      undoDelete: 'none',
      minKeys: 1,
      names: { maxLength: 60, unique: false },
      timing,
      lastUsed: 'exact',
      probeMovesLastUsed: false,
      probeRetryOn401: true,
      assumptions: [],
    };
    return {
      kind: 'model',
      capabilities,
      check: () =>
        look('check', () => ({ identity: this.account, managementKeyId: null, keys: this.alive.length, maxKeys: null })),
      list: () => look('list', () => this.alive.map(describe)),
      findByTag: (tag) => look('findByTag', () => this.alive.filter((key) => key.tag.startsWith(tag)).map(describe)),
      describe: (id) => look('describe', () => this.#living(id, describe)),
      ...(this.secretReadable === 'always'
        ? { readSecret: (id: string) => look('readSecret', () => this.#living(id, (key) => key.secret)) }
        : {}),
      probe: ({ keyId, secret }) =>
        look('probe', () => ({
          endpoints: [{ endpoint: 'api', accepted: this.#living(keyId, (k) => k.secret.equals(secret)) ?? false }],
        })),
      create: ({ tag }) =>
        this.#send(worker, 'create', null, () => {
          const { id, secret } = this.make(tag);
          return { id, name: tag, secret };
        }),
      revoke: (id) => this.#send(worker, 'revoke', id, () => undefined),
      regenerate: (id) =>
        this.#send(worker, 'regenerate', id, () => {
          const key = this.keys.get(id)!;
          key.secret = this.#newSecret();
          key.mark++;
          return { secret: key.secret, secretChanged: String(key.mark) };
        }),
    };
  }

  async #send<Answer>(worker: Worker, kind: EffectKind, keyId: string | null, change: () => Answer): Promise<Answer> {
    let answer: Answer;
    const request: Request = {
      kind,
      by: worker,
      attempt: worker.attempt,
      keyId,
      until: worker.deadline + timing.settle,
      land: () => {
        answer = change();
      },
      landed: 0,
      held: false,
    };
    this.requests.push(request);
    const way = await worker.pass(kind, fates.slice(1));
    const chosen = (way === 'well' ? 'done' : way) as Fate;
    // A request that nobody could wait for any longer has no answer, whatever becomes of it.
    const late = this.now() >= worker.deadline;
    const fate = late && this.now() > request.until ? 'dropped' : late && chosen !== 'dropped' ? 'held' : chosen;
    if (fate === 'refused') throw new RekeyError('KR_STORE_UNAVAILABLE', `${kind}: nothing happened`);
    if (fate === 'done' || fate === 'twice' || fate === 'lost') this.#land(request);
    if (fate === 'twice') this.#land(request);
    if (fate === 'held') request.held = true;
    if (fate === 'done' || fate === 'twice') return answer!;
    throw new RekeyError('KR_STORE_UNCLEAR', `${kind}: the answer was lost`);
  }

  #land(request: Request): void {
    const key = request.keyId ? this.keys.get(request.keyId)! : null;
    if (key?.alive) this.beforeDeath(key, request);
    if (key && request.kind === 'revoke') key.alive = false;
    request.land();
    request.landed++;
  }

  #living<Answer>(id: string, answer: (key: ModelKey) => Answer): Answer | null {
    const key = this.keys.get(id);
    return key?.alive ? answer(key) : null;
  }

  #newSecret(): Secret {
    return new Secret(
      createHash('sha256')
        .update(`${this.account}/${++this.#secrets}`)
        .digest('hex'),
    );
  }
  #secrets = 0;
}

function describe({ id, tag, mark }: ModelKey): KeyDescription {
  return { id, name: tag, state: 'live', rights: {}, secretChanged: String(mark) };
}
