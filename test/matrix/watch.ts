/**
 * Owns the watch over what programs are handed while a leaked key is replaced, by the vendor's
 * counters and keys: who is refused when, and that nobody comes back to the leaked one.
 */
import { Secret } from '../../activities/ports/secret.js';
import type { Way } from '../../workflows/domain/incident.js';
import { type Lane, sleep, type TrafficShown } from '../support/lane.js';
import type { Credential } from './requests.js';
import { running, vendorOf } from './run.js';
import { isOurs } from './world.js';

export interface Watch {
  /** The key dies before its programs have another one: the watch alone says who may be refused. */
  readonly permitsRefusals: boolean;
  /** What was seen that must not be; a sentence once, however often it was seen. */
  end(): Promise<readonly string[]>;
}

/** Looks until it is ended, and once more then. */
export async function watchHandOut(lane: Lane, credential: Credential, way: Way): Promise<Watch> {
  const apps = running[credential];
  const diesFirst = way === 'contain' && credential !== 'soar/enrichment';
  const leaked = (await lane.keys(vendorOf(credential))).find((key) => key.state === 'live' && isOurs(credential, key))!;
  const old = new Secret(leaked.value).fingerprint;
  const found = new Set<string>();
  /** What each was refused until it was first seen on another key. */
  const settled = new Map<string, number>();
  const refusals = ({ refused, lost }: TrafficShown) => refused + lost;

  const look = async () => {
    const rows = (await lane.traffic()).filter(({ app }) => apps.includes(app));
    // Looked at behind the programs: what still lives then has lived when they were counted.
    const keys = await lane.keys(vendorOf(credential));
    const lives = keys.some(({ id, value, state }) => id === leaked.id && value === leaked.value && state === 'live');
    for (const row of rows) {
      const { app, fingerprint } = row;
      if (lives && refusals(row) > 0) found.add(`${app} was refused although the leaked key was alive`);
      if (fingerprint === old && settled.has(app)) found.add(`${app} is on the leaked key again`);
      if (fingerprint === null || fingerprint === old) continue;
      if (lives && diesFirst) found.add(`${app} was handed another key before the leaked one was dead`);
      if (!settled.has(app)) settled.set(app, refusals(row));
      if (refusals(row) > settled.get(app)!) found.add(`${app} was refused although it was on another key`);
    }
  };

  let over = false;
  const looking = (async () => {
    for (; !over; await sleep(100)) await look();
  })();
  looking.catch(() => undefined);
  return {
    permitsRefusals: diesFirst,
    async end() {
      over = true;
      await looking;
      await look();
      return [...found];
    },
  };
}
