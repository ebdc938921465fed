/**
 * Owns the story of a revoke: the old key goes while a program may fall back to it; as long as a
 * rotation may still turn back, the old key lives.
 */
import { expect } from 'vitest';
import { withOnce } from '../../../activities/deps.js';
import { createLedgerSteps } from '../../../activities/steps/ledger.js';
import { mintVersion } from '../../../activities/steps/mint.js';
import { revokeVersion } from '../../../activities/steps/retire.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import { freshMs } from '../../../workflows/domain/revoke.js';
import { requireNotSent, requireOneOutcome, requireUsable, versionsOf } from './invariants.js';
import { timing } from './vendor.js';
import { type Move, World } from './world.js';

/** What the guard of a revoke says when it sends nothing. */
const isRefusal = (code: string) => code.startsWith('KR_GUARD_') || code === 'KR_CONSUMER_BEHIND';

export class RevokeWorld extends World {
  /**
   * `retiring`: a revoke may be out. `returned`: a guard said no and nothing was sent, so that an
   * abort is legal.
   */
  #stage: 'retiring' | 'returned' | 'back' | 'gone' | 'compensated' = 'retiring';
  #round = 1;
  #backRound = 1;
  /** The generation that the one program runs on, and every look at it. */
  #on = 2;
  readonly #looks: { at: number; on: number }[] = [];
  #next = '';

  async setUp(): Promise<void> {
    await this.open('overlap', 'like-revoke');
    await mintVersion(withOnce(this.quietDeps()), { step: this.step('mint', 'preparing'), known: null, delivered: false });
    const distribute = this.step('distribute', 'distributing', 'distribute/wave-1/web-1', 'web-1');
    await this.ledger.once(distribute, { deadline: timing.request, settle: 0, waitForSettle: false }, async () => ({}));
    await createLedgerSteps(this.quietDeps()).cutOver({ step: this.step('cut-over', 'distributing', 'cut-over/1') });
    this.#next = (await versionsOf(this.bench.database, this.credential))[1]!.key_id;
    this.vendor.beforeDeath = (key, request) => {
      expect(key.id, 'a key that is none of ours is never ended').not.toBe(this.stranger.id);
      const other = key.id === this.old.id ? this.#next : this.old.id;
      expect(this.vendor.keys.get(other)!.alive, 'the last key that works is never ended').toBe(true);
      if (key.id === this.old.id)
        expect(this.#stage, 'the old key lives as long as the rotation may turn back').not.toMatch(/back|compensated/);
      const on = key.id === this.old.id ? 2 : 1;
      expect(this.#seen(on, request.by.began), `some look of the attempt showed the program on generation ${on}`).toBe(true);
    };
    await this.#look();
    this.#revoke();
  }

  #revoke(): void {
    this.#stage = 'retiring';
    const key = `revoke/${this.#round}`;
    this.task = {
      step: () => this.step('revoke', 'retiring', key),
      run: (deps, step) => revokeVersion(deps, { step, target: 1, survivor: 2 }),
      done: () => {
        this.#stage = 'gone';
      },
      refused: async (code) => {
        if (!isRefusal(code)) return false;
        await this.#mayReturn();
        return true;
      },
    };
  }

  #removeNew(): void {
    const key = `revoke/back-${this.#backRound}`;
    this.task = {
      step: () => this.step('revoke', 'compensating', key),
      run: (deps, step) => revokeVersion(deps, { step, target: 2, survivor: 1 }),
      done: () => {
        this.#stage = 'compensated';
      },
      refused: isRefusal,
    };
  }

  /**
   * Whether a look at the program showed it on the generation, and was the latest and fresh at some
   * moment since then.
   */
  #seen(on: number, since: number): boolean {
    const { now } = this.bench.clock;
    return this.#looks.some((look, index) => {
      const replaced = this.#looks[index + 1]?.at ?? now;
      return look.on === on && replaced >= since && now - look.at <= freshMs + timing.request + timing.settle;
    });
  }

  async #look(): Promise<void> {
    const { clock, database } = this.bench;
    await clock.show(database);
    const inspection: Inspection = {
      consumer: 'web-1',
      state: 'running',
      instances: [{ id: '1', generation: this.#on, evidence: 'uses' }],
      source: this.#on,
      showsSource: true,
      healthy: true,
      authenticationFailed: false,
      detail: '',
    };
    this.#looks.push({ at: clock.now, on: this.#on });
    const step = this.step('inspect', 'retiring');
    const { attempt, now } = await this.ledger.beginLook(step, 'inspection', [inspection.consumer]);
    await this.ledger.recordInspections(step, attempt, [{ seen: inspection, lookedAt: now }]);
  }

  protected override over(): boolean {
    return this.#stage === 'gone' || this.#stage === 'compensated';
  }

  protected override calm(): Move {
    if (this.workers.some((worker) => worker.live)) return super.calm();
    const wanted = this.#stage === 'back' ? 1 : 2;
    const { now } = this.bench.clock;
    const seen = this.#looks.at(-1)!;
    if (this.#on !== wanted) return this.#moveTo(wanted);
    if (seen.on !== wanted || now - seen.at > freshMs / 2) return { name: 'a look', run: () => this.#look() };
    if (this.#stage === 'returned') return { name: 'another round', run: () => this.#again() };
    if (this.#stage === 'back' && this.task === null) return { name: 'another round back', run: () => this.#againBack() };
    return super.calm();
  }

  protected moves(): readonly Move[] {
    const moves: Move[] = [{ name: 'a look', run: () => this.#look() }, this.#moveTo(this.#on === 2 ? 1 : 2)];
    if (this.over()) return moves;
    moves.push({ name: 'another run takes over', run: () => this.#takeOver() });
    if (this.#stage === 'returned') {
      moves.push({ name: 'another round', run: () => this.#again() });
      moves.push({ name: 'an operator aborts', run: () => this.#abort() });
    }
    if (this.#stage === 'back' && this.task === null) moves.push({ name: 'another round back', run: () => this.#againBack() });
    return moves;
  }

  #moveTo(generation: number): Move {
    return {
      name: `the program goes to generation ${generation}`,
      run: () => {
        this.#on = generation;
      },
    };
  }

  #again(): void {
    this.#round++;
    this.#revoke();
  }

  #againBack(): void {
    this.#backRound++;
    this.#removeNew();
  }

  /** What the ledger says of the point of no return decides what the new run may do. */
  async #takeOver(): Promise<void> {
    const { crossing } = await this.takeOver();
    if (this.#stage === 'retiring' && crossing === null) await this.#mayReturn();
    if (this.#stage === 'returned' && crossing !== null) this.#revoke();
  }

  /**
   * A guard said no and closed what it knew: an abort is legal, if the ledger knows of nothing
   * else.
   */
  async #mayReturn(): Promise<void> {
    this.#stage = 'returned';
    this.task = null;
    await requireNotSent(this.bench.database, this.vendor, this.run.id, 'revoke');
  }

  async #abort(): Promise<void> {
    if (!(await this.startRollback())) return this.#revoke();
    this.#stage = 'back';
    expect(this.old.alive, 'the old key lives when the rotation turns back').toBe(true);
    await createLedgerSteps(this.quietDeps()).reinstate({ step: this.step('reinstate', 'compensating') });
    this.#on = 1;
    this.#removeNew();
  }

  /** I4: what is gone is what should be, and nothing else. */
  async check(): Promise<void> {
    const { database } = this.bench;
    const states = (await versionsOf(database, this.credential)).map((version) => version.state);
    expect(states).toEqual(this.#stage === 'gone' ? ['revoked', 'active'] : ['active', 'revoked']);
    const left = [this.stranger.id, this.#stage === 'gone' ? this.#next : this.old.id];
    expect(this.vendor.alive.map((key) => key.id).sort()).toEqual(left.sort());
    await requireNotSent(database, this.vendor, this.run.id, 'revoke');
    await requireOneOutcome(database, this.run.id);
    await requireUsable(database, this.vault, this.vendor, this.credential);
  }
}
