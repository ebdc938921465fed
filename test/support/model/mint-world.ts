/**
 * Owns the story of a mint: a key is made, perhaps more than one, the rotation goes on or back, and
 * what nobody can use is removed.
 */
import { expect } from 'vitest';
import { mintVersion } from '../../../activities/steps/mint.js';
import { removeOrphans, revokeVersion } from '../../../activities/steps/retire.js';
import { requireNotSent, requireOneOutcome, requireUsable, versionsOf } from './invariants.js';
import { type Move, World } from './world.js';

export class MintWorld extends World {
  #stage: 'minting' | 'minted' | 'removing' | 'sweeping' | 'closed' = 'minting';
  #back = false;

  async setUp(): Promise<void> {
    await this.open('overlap', 'like-mint');
    this.vendor.beforeDeath = (key) => {
      expect(
        [this.old, this.stranger].map((k) => k.id),
        'a key that is served, or that is none of ours, is never ended',
      ).not.toContain(key.id);
    };
    this.#mint();
  }

  #mint(): void {
    this.#stage = 'minting';
    this.task = {
      step: () => this.step('mint', 'preparing'),
      run: (deps, step) => mintVersion(deps, { step, known: null, delivered: false }),
      done: () => {
        this.#stage = 'minted';
      },
      refused: () => false,
    };
  }

  /** The way back: the new version goes, if there is one; nobody was ever handed it. */
  #remove(): void {
    this.#stage = 'removing';
    this.task = {
      step: () => this.step('revoke', 'compensating', 'revoke/back-1'),
      run: (deps, step) => revokeVersion(deps, { step, target: this.run.generation!, survivor: this.run.previousGeneration! }),
      done: () => this.#sweep(),
      refused: () => false,
    };
  }

  #sweep(): void {
    this.#stage = 'sweeping';
    this.task = {
      step: () => this.step('remove-orphans', 'closing'),
      run: (deps, step) => removeOrphans(deps, { step, known: null }),
      done: () => {
        this.#stage = 'closed';
      },
      refused: () => false,
    };
  }

  protected override over(): boolean {
    return this.#stage === 'closed';
  }

  protected override calm(): Move {
    if (this.#stage === 'minted') return { name: 'the rotation closes', run: () => this.#sweep() };
    return super.calm();
  }

  protected moves(): readonly Move[] {
    const moves: Move[] = [];
    if (this.#stage !== 'closed') moves.push({ name: 'another run takes over', run: () => this.#takeOver() });
    if (!this.#back && (this.#stage === 'minting' || this.#stage === 'minted'))
      moves.push({ name: 'an operator aborts', run: () => this.#abort() });
    return moves;
  }

  async #takeOver(): Promise<void> {
    await this.takeOver();
  }

  async #abort(): Promise<void> {
    this.#back = true;
    await this.startRollback();
    const stands = (await versionsOf(this.bench.database, this.credential)).some((v) => v.generation === this.run.generation);
    if (stands) this.#remove();
    else this.#sweep();
  }

  /** I5 and I6, once nothing is on its way any more. */
  async check(): Promise<void> {
    const { database } = this.bench;
    const [adopted, minted, ...more] = await versionsOf(database, this.credential);
    expect(more).toEqual([]);
    expect(adopted?.state).toBe('active');
    expect(minted?.state).toBe(this.#back ? (minted ? 'revoked' : undefined) : 'prepared');
    const expected = [this.stranger.id, this.old.id, ...(this.#back ? [] : [minted!.key_id])];
    expect(this.vendor.alive.map((key) => key.id).sort(), 'every key that we made is used, or was removed').toEqual(
      expected.sort(),
    );
    await requireNotSent(database, this.vendor, this.run.id, 'create');
    await requireOneOutcome(database, this.run.id);
    await requireUsable(database, this.vault, this.vendor, this.credential);
  }
}
