/**
 * Owns the message destinations: an app is let at its queue only with a key that stands there, so a
 * second key needs every place of the first.
 */
import { z } from 'zod';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { path } from '../../http/path.js';
import { type ApiKey, listOf, type SoarClient } from './client.js';

/**
 * As IBM's own client reads and writes it (resilient-python-api, resilient_circuits/customize.py):
 * the whole object goes back with one more entry in `api_keys`. What an entry is, is assumed: the
 * key's client id or its number; whichever the first key has, the second gets.
 */
const destination = z.looseObject({
  id: z.union([z.int(), z.string().min(1)]),
  api_keys: z.array(z.json()).nullish(),
});
type Destination = z.infer<typeof destination>;
type Entry = NonNullable<Destination['api_keys']>[number];

/**
 * IBM's client repeats a change that met another one (409), since nothing was written; so often.
 */
const changeTries = 4;

export class Destinations {
  constructor(
    private readonly soar: SoarClient,
    private readonly label: string,
  ) {}

  /** The destinations that a key may read. */
  async of(key: ApiKey, signal: AbortSignal): Promise<readonly Destination[]> {
    this.soar.mustBeAccepted('soar-destinations-call');
    const call = { title: 'list message destinations', method: 'GET', path: '/message_destinations', answers: [200] } as const;
    const all = (await this.soar.observe(call, signal)).read(listOf(destination));
    return all.filter(({ api_keys }) => this.#isIn(api_keys, key));
  }

  /**
   * Gives a key every place that another one has; whether any was missing. Repeating it is
   * harmless.
   */
  async add(next: ApiKey, like: ApiKey, signal: AbortSignal): Promise<boolean> {
    const without = (await this.of(like, signal)).filter(({ api_keys }) => !this.#isIn(api_keys, next));
    await this.#change(without, signal, (entries) => {
      const byNumber = entries.some((entry) => this.#isNumber(like, entry));
      return this.#isIn(entries, next) ? entries : [...entries, byNumber ? Number(next.id) : this.soar.clientIdOf(next)];
    });
    return without.length > 0;
  }

  /** Takes a key off every destination. Repeating it is harmless. */
  async remove(key: ApiKey, signal: AbortSignal): Promise<void> {
    await this.#change(await this.of(key, signal), signal, (entries) => entries.filter((entry) => !this.#stands(key, entry)));
  }

  async #change(
    places: readonly Destination[],
    signal: AbortSignal,
    edit: (entries: readonly Entry[]) => readonly Entry[],
  ): Promise<void> {
    for (const { id } of places) await this.#changeOne(String(id), edit, signal);
  }

  async #changeOne(id: string, edit: (entries: readonly Entry[]) => readonly Entry[], signal: AbortSignal): Promise<void> {
    const at = path`/message_destinations/${id}`;
    for (let tries = 0; tries < changeTries; tries++) {
      const read = { title: 'read a message destination', method: 'GET', path: at, answers: [200] } as const;
      const found = (await this.soar.observe(read, signal)).read(destination);
      const entries = edit(found.api_keys ?? []);
      if (JSON.stringify(entries) === JSON.stringify(found.api_keys ?? [])) return;
      const write = { title: 'change a message destination', method: 'PUT', path: at, answers: [200, 409] } as const;
      const reply = await this.soar.effect({ ...write, body: { ...found, api_keys: entries }, emptyAnswers: [200] }, signal);
      if (reply.status === 200) return;
    }
    throw new RekeyError('KR_STORE_UNAVAILABLE', `${this.label}: message destination ${id} was changed by others each time`);
  }

  #isIn(entries: readonly Entry[] | null | undefined, key: ApiKey): boolean {
    return (entries ?? []).some((entry) => this.#stands(key, entry));
  }

  #stands(key: ApiKey, entry: Entry): boolean {
    return entry === this.soar.clientIdOf(key) || this.#isNumber(key, entry);
  }

  #isNumber(key: ApiKey, entry: Entry): boolean {
    return entry === Number(key.id);
  }
}
