/**
 * Owns the killing: which processes of one `rekey up` die next and when, drawn from a seed; only
 * what that `up` has started, by its id.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { HomeState } from '../../worker/embedded/home.js';
import { isSame } from '../../worker/embedded/processes.js';
import { sleep } from '../support/lane.js';
import { allPrograms as apps } from '../support/programs.js';
import type { Up } from '../support/up.js';

export type Victim = 'worker' | 'temporal' | 'postgres' | 'sandbox' | 'up' | 'a consumer' | 'all at once';
const victims: readonly Victim[] = ['worker', 'temporal', 'postgres', 'sandbox', 'up', 'a consumer', 'all at once'];

/** Mulberry32: the same sequence for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Killer {
  readonly killed = new Map<Victim, number>();

  constructor(
    private readonly up: Up,
    private readonly random: () => number,
  ) {}

  get total(): number {
    return [...this.killed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Kills once, after a random while. `up` is started again by hand, everything else by `up`. */
  async strike(): Promise<Victim> {
    const victim = victims[Math.floor(this.random() * victims.length)]!;
    await sleep(500 + this.random() * 6_000);
    if (victim === 'a consumer') {
      const app = apps[Math.floor(this.random() * apps.length)]!;
      await this.up.post(`/apps/${app}/crash`);
    } else {
      for (const name of victim === 'all at once' ? ['up', 'worker', 'temporal', 'postgres', 'sandbox'] : [victim])
        this.#kill(name);
      if (victim === 'up' || victim === 'all at once') {
        await sleep(this.random() * 2_000);
        await this.up.again();
      }
    }
    this.killed.set(victim, (this.killed.get(victim) ?? 0) + 1);
    return victim;
  }

  /** One that is just being started again has died already. */
  #kill(name: string): void {
    const { up, services } = JSON.parse(readFileSync(path.join(this.up.home, 'state.json'), 'utf8')) as HomeState;
    const process_ = name === 'up' ? up : services[name];
    if (process_ && isSame(process_)) process.kill(process_.pid, 'SIGKILL');
  }
}
