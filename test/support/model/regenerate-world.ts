/**
 * Owns the story of a regenerate: the one secret of a key is replaced while nothing runs; as long
 * as a rotation may still turn back, the old secret is the one that works.
 */
import { expect } from 'vitest';
import { regenerateSecret } from '../../../activities/steps/regenerate.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import { freshMs } from '../../../workflows/domain/revoke.js';
import { requireNotSent, requireOneOutcome, requireUsable, versionsOf } from './invariants.js';
import { timing } from './vendor.js';
import { type Move, World } from './world.js';

export class RegenerateWorld extends World {
  #stage: 'regenerating' | 'returned' | 'back' | 'changed' = 'regenerating';
  #round = 1;
  #key = '';
  #runs = false;
  readonly #looks: { at: number; runs: boolean }[] = [];
  #before = this.old.secret;

  async setUp(): Promise<void> {
    await this.open('in-place', 'like-regenerate');
    this.#before = this.old.secret;
    this.vendor.beforeDeath = (key, request) => {
      expect(key.id, 'only the key that is rotated is changed').toBe(this.old.id);
      expect(this.#stage, 'the old secret works as long as the rotation may turn back').not.toBe('back');
      expect(this.#stoppedSince(request.by.began), 'some look of the attempt showed that nothing runs').toBe(true);
    };
    await this.#look();
    this.#regenerate(`regenerate/${this.#round}`);
  }

  #regenerate(key: string): void {
    this.#stage = 'regenerating';
    this.#key = key;
    this.task = {
      step: () => this.step('regenerate', 'regenerating', key),
      run: (deps, step) => regenerateSecret(deps, { step }),
      done: () => {
        this.#stage = 'changed';
      },
      refused: async (code) => {
        if (code.startsWith('KR_GUARD_')) await this.#mayReturn();
        // An earlier attempt may have had its effect: the step is repeated on fresh looks, and
        // there is no way back.
        else if (code === 'KR_BEYOND_RETURN' || code === 'KR_LOOK_AGAIN') this.#regenerate(key);
        else return false;
        return true;
      },
    };
  }

  #stoppedSince(since: number): boolean {
    const { now } = this.bench.clock;
    return this.#looks.some((look, index) => {
      const replaced = this.#looks[index + 1]?.at ?? now;
      return !look.runs && replaced >= since && now - look.at <= freshMs + timing.request + timing.settle;
    });
  }

  async #look(): Promise<void> {
    const { clock, database } = this.bench;
    await clock.show(database);
    const inspection: Inspection = {
      consumer: 'app-1',
      state: this.#runs ? 'running' : 'stopped',
      instances: this.#runs ? [{ id: '1', generation: 1, evidence: 'rolled-out' }] : [],
      source: null,
      showsSource: false,
      healthy: true,
      authenticationFailed: false,
      detail: '',
    };
    this.#looks.push({ at: clock.now, runs: this.#runs });
    const step = this.step('inspect', 'regenerating');
    const { attempt, now } = await this.ledger.beginLook(step, 'inspection', [inspection.consumer]);
    await this.ledger.recordInspections(step, attempt, [{ seen: inspection, lookedAt: now }]);
  }

  protected override over(): boolean {
    return this.#stage === 'changed' || this.#stage === 'back';
  }

  protected override calm(): Move {
    if (this.over() || this.workers.some((worker) => worker.live)) return super.calm();
    const seen = this.#looks.at(-1)!;
    if (this.#runs) return this.#requestRollback(false);
    if (seen.runs || this.bench.clock.now - seen.at > freshMs / 2) return { name: 'a look', run: () => this.#look() };
    if (this.#stage === 'returned') return { name: 'another round', run: () => this.#again() };
    return super.calm();
  }

  protected moves(): readonly Move[] {
    if (this.over()) return [];
    const moves: Move[] = [
      { name: 'a look', run: () => this.#look() },
      this.#requestRollback(!this.#runs),
      { name: 'another run takes over', run: () => this.#takeOver() },
    ];
    if (this.#stage === 'returned') {
      moves.push({ name: 'another round', run: () => this.#again() });
      moves.push({ name: 'an operator aborts', run: () => this.#abort() });
    }
    return moves;
  }

  #requestRollback(runs: boolean): Move {
    return {
      name: runs ? 'the program is started' : 'the program stops',
      run: () => {
        this.#runs = runs;
      },
    };
  }

  #again(): void {
    this.#round++;
    this.#regenerate(`regenerate/${this.#round}`);
  }

  async #takeOver(): Promise<void> {
    const { crossing } = await this.takeOver();
    if (crossing === null && this.#stage === 'regenerating') await this.#mayReturn();
    if (crossing !== null && this.#stage === 'returned') this.#regenerate(crossing.key);
  }

  /**
   * A guard said no and closed what it knew: an abort is legal, if the ledger knows of nothing
   * else.
   */
  async #mayReturn(): Promise<void> {
    this.#stage = 'returned';
    this.task = null;
    await requireNotSent(this.bench.database, this.vendor, this.run.id, 'regenerate');
  }

  async #abort(): Promise<void> {
    if (!(await this.startRollback())) return this.#regenerate(this.#key);
    this.#stage = 'back';
    expect(this.old.secret.equals(this.#before), 'the old secret works when the rotation turns back').toBe(true);
  }

  /** I3 and I4: the secret in the vault is the one that works, whichever way it went. */
  async check(): Promise<void> {
    const { database } = this.bench;
    const states = (await versionsOf(database, this.credential)).map((version) => version.state);
    expect(states).toEqual(this.#stage === 'changed' ? ['revoked', 'active'] : ['active']);
    if (this.#stage === 'back') expect(this.old.secret.equals(this.#before)).toBe(true);
    await requireNotSent(database, this.vendor, this.run.id, 'regenerate');
    await requireOneOutcome(database, this.run.id);
    await requireUsable(database, this.vault, this.vendor, this.credential);
  }
}
