/**
 * Owns the story of what operators say: a run that comes to one wait after the other, a ledger that
 * has the last word, messages that are late or come twice, and workflows that are lost.
 */
import { expect } from 'vitest';
import { judge, mayVerb, type Verb, type VerbFacts, type VerbRecords } from '../../../workflows/domain/verbs.js';
import type { OpenWait, WaitKind } from '../../../workflows/domain/waits.js';
import { tester } from '../who.js';

/** What the run comes to, in this order; a gate is passed by an approval alone. */
const stations: readonly WaitKind[] = ['approval', 'manual', 'bake', 'operator', 'approval', 'manual', 'spread', 'operator'];
type Said = Verb | 'provide';
const sayable: readonly Said[] = ['approve', 'reject', 'retry', 'skip', 'pause', 'resume', 'abort', 'provide'];

interface WaitRow {
  readonly number: number;
  readonly kind: WaitKind;
  readonly station: number;
  readonly plan: number;
  endedBy: string | 'over' | null;
}

interface VerbRow {
  readonly updateId: string;
  readonly verb: Said;
  readonly wait: number | null;
  effect: 'applied' | 'none' | null;
  whyNone: string | null;
  readonly turns: boolean;
}

/** As an operator sent it: with the wait that was on the screen, or none. */
interface Message {
  readonly updateId: string;
  readonly verb: Said;
  readonly wait: number | null;
}

/** What a workflow remembers, and loses. */
interface Memory {
  station: number;
  standing: (OpenWait & { row: number }) | null;
  readonly recorded: { readonly message: Message; readonly ends: readonly number[]; readonly turns: boolean }[];
  back: boolean;
}

/** A way to get the last word wrong; the model must find it. */
export type Mistake = 'takes any number' | 'forgets the plan' | 'looks at two answers' | 'voids nothing' | null;

export class VerbsWorld {
  readonly trace: string[] = [];
  readonly #waits: WaitRow[] = [];
  readonly #verbs: VerbRow[] = [];
  readonly #sent: Message[] = [];
  readonly #passed: { readonly station: number; readonly by: number }[] = [];
  #memory: Memory = { station: 0, standing: null, recorded: [], back: false };
  #plan = 1;
  #paused = false;
  #direction: 'forward' | 'back' = 'forward';
  #closed = false;

  constructor(private readonly mistake: Mistake) {}

  play(tape: readonly number[]): void {
    for (const choice of tape) {
      const moves = this.#moves(choice);
      const [name, run] = moves[choice % moves.length]!;
      this.trace.push(name);
      run();
      this.#check();
    }
    this.#close();
    this.#checkEnd();
  }

  #moves(choice: number): readonly (readonly [string, () => void])[] {
    if (this.#closed) return [['nothing', () => undefined]];
    const turn = Math.floor(choice / 64);
    const verb = sayable[turn % sayable.length]!;
    const seen = this.#waits.slice(-3)[Math.floor(turn / 8) % 3]?.number ?? null;
    const late = this.#sent[turn % Math.max(this.#sent.length, 1)];
    const say = (wait: number | null) => this.#say(verb, wait);
    return [
      ['the run goes on', () => this.#goOn()],
      ['the run goes on', () => this.#goOn()],
      [`somebody says ${verb} to what is open`, () => say(this.#open().at(-1)?.number ?? null)],
      [`somebody says ${verb} to what is open`, () => say(this.#open().at(-1)?.number ?? null)],
      [`somebody says ${verb} to wait ${seen}`, () => say(seen)],
      [`somebody says ${verb} to nothing by name`, () => say(null)],
      [`${late?.verb} comes once more`, () => late && this.#deliver(late)],
      ['what was recorded is obeyed', () => this.#obey()],
      ['what was recorded is obeyed', () => this.#obey()],
      ['what was handed in is taken', () => this.#look(null)],
      ['what was handed in does not hold', () => this.#look('it is not accepted')],
      ['the workflow is lost', () => this.#lose()],
      ['the plan is changed', () => this.#changePlan()],
    ];
  }

  #open(): readonly WaitRow[] {
    return this.#waits.filter(({ endedBy }) => endedBy === null);
  }

  #facts(): VerbFacts {
    const { standing, back } = this.#memory;
    return {
      sequence: 'overlap',
      phase: back ? 'compensating' : 'draining',
      direction: back ? 'back' : 'forward',
      waits: standing ? [standing] : [],
      paused: this.#paused,
      crossed: false,
      bound: false,
      expedited: false,
      consumers: [],
      untouched: [],
    };
  }

  #say(verb: Said, wait: number | null): void {
    const message = { updateId: `u${this.#sent.length + 1}`, verb, wait };
    this.#sent.push(message);
    this.#deliver(message);
  }

  /** As the update's handler: refused by its validator, or recorded once. */
  #deliver(message: Message): void {
    const { verb, wait, updateId } = message;
    if (this.#closed || this.#memory.recorded.some((r) => r.message.updateId === updateId)) return;
    const request = { by: tester, expectedPhase: null, wait, reason: null, consumer: null };
    const legal = verb === 'provide' ? this.#memory.standing?.kind === 'manual' : mayVerb(verb, this.#facts(), request).ok;
    if (!legal) return;
    const before = this.#verbs.find((row) => row.updateId === updateId);
    const ends = this.#waits.filter(({ endedBy }) => endedBy === updateId).map(({ number }) => number);
    if (before) {
      if (before.effect !== 'none') this.#memory.recorded.push({ message, ends, turns: before.turns });
      return;
    }
    const judged = judge({ verb, wait: this.mistake === 'takes any number' ? null : wait }, this.#records());
    for (const row of this.#waits.filter(({ number }) => judged.ends.includes(number))) {
      expect(row.endedBy, 'a wait is ended by at most one verb').toBeNull();
      row.endedBy = updateId;
    }
    const effect = judged.whyNone ? 'none' : judged.pending ? null : 'applied';
    this.#verbs.push({ updateId, verb, wait: judged.wait, effect, whyNone: judged.whyNone, turns: judged.turns });
    if (judged.whyNone !== null) {
      if (judged.anew) this.#memory.standing = null;
      return;
    }
    if (wait !== null) expect(judged.wait === null || judged.wait === wait, 'an answer is to the wait that it names').toBe(true);
    const answered = this.#waits.find(({ number }) => number === judged.wait);
    if (verb === 'approve') expect(answered?.plan, 'an approval is of the plan that there is').toBe(this.#plan);
    if (verb === 'pause' || verb === 'resume') this.#paused = verb === 'pause';
    if (verb === 'provide')
      expect(this.#verbs.filter((v) => v.verb === 'provide' && v.wait === judged.wait && v.effect === null).length).toBe(1);
    this.#memory.recorded.push({ message, ends: judged.ends, turns: judged.turns });
  }

  #records(): VerbRecords {
    const isLookedAt = (number: number) =>
      this.mistake !== 'looks at two answers' &&
      this.#verbs.some((v) => v.verb === 'provide' && v.wait === number && v.effect === null);
    return {
      waits: this.#open().map(({ number, kind, plan }) => ({
        number,
        kind,
        skips: kind === 'bake' || kind === 'spread',
        current: this.mistake === 'forgets the plan' || plan === this.#plan,
        lookedAt: isLookedAt(number),
      })),
      direction: this.#direction,
      noReturn: null,
    };
  }

  #obey(): void {
    // What was handed in takes its effect by a look.
    const at = this.#memory.recorded.findIndex(({ message }) => message.verb !== 'provide');
    const [next] = at < 0 ? [] : this.#memory.recorded.splice(at, 1);
    if (!next) return;
    const { standing } = this.#memory;
    if (next.turns) {
      this.#turnBack();
      return;
    }
    if (!standing || !next.ends.includes(standing.row)) return;
    if (next.message.verb === 'reject') {
      // Its step is told: then the rejection has had its effect.
      this.#settle('reject', standing.row, null);
      this.#turnBack();
      return;
    }
    this.#pass(standing.row);
  }

  #pass(row: number): void {
    const { station } = this.#memory;
    this.#passed.push({ station, by: row });
    this.#memory.station++;
    this.#memory.standing = null;
  }

  #settle(verb: Said, wait: number, whyNone: string | null): void {
    for (const row of this.#verbs)
      if (row.verb === verb && row.wait === wait && row.effect === null)
        Object.assign(row, { effect: whyNone === null ? 'applied' : 'none', whyNone });
  }

  /** A person's answer was looked at: what holds is the outcome of the step. */
  #look(refused: string | null): void {
    const { standing } = this.#memory;
    const at = this.#memory.recorded.findIndex(({ message }) => message.verb === 'provide');
    if (at < 0 || standing?.kind !== 'manual') return;
    const [{ message }] = this.#memory.recorded.splice(at, 1) as [Memory['recorded'][number]];
    const row = this.#waits.find(({ number }) => number === standing.row)!;
    expect(row.endedBy, 'what is looked at is not declined meanwhile').toBeNull();
    this.#settle('provide', standing.row, refused);
    if (refused !== null) return;
    row.endedBy = message.updateId;
    this.#pass(standing.row);
  }

  #goOn(): void {
    const { station, standing, back } = this.#memory;
    if (standing?.kind === 'bake' || standing?.kind === 'spread') {
      const row = this.#waits.find(({ number }) => number === standing.row)!;
      row.endedBy ??= 'over';
      this.#pass(standing.row);
    }
    if (this.#memory.standing || back) return;
    if (station >= stations.length) {
      this.#close();
      return;
    }
    const kind = stations[station]!;
    const given = kind === 'approval' && this.#waits.find((w) => w.station === station && this.#isApproved(w));
    if (given) {
      this.#pass(given.number);
      return;
    }
    for (const w of this.#open()) if (w.kind === 'approval' && w.plan !== this.#plan) w.endedBy = 'over';
    let row = this.#open().find((w) => w.kind === kind && w.station === station);
    if (!row) {
      row = { number: this.#waits.length + 1, kind, station, plan: this.#plan, endedBy: null };
      this.#waits.push(row);
    }
    const skips = kind === 'bake' || kind === 'spread';
    // A wait that a step tells of has its number in the ledger alone.
    const number = kind === 'manual' || kind === 'spread' ? null : row.number;
    this.#memory.standing = { kind, number, skips, row: row.number };
  }

  #isApproved({ endedBy, plan }: WaitRow): boolean {
    return plan === this.#plan && this.#verbs.some((v) => v.updateId === endedBy && v.verb === 'approve');
  }

  #turnBack(): void {
    this.#direction = 'back';
    this.#paused = false;
    for (const row of this.#open()) row.endedBy = 'over';
    for (const row of this.#verbs) if (row.effect === null && row.turns) row.effect = 'applied';
    this.#memory.back = true;
    this.#memory.standing = null;
  }

  /** Another workflow takes over: what was looked at is lost, an abort on record is obeyed. */
  #lose(): void {
    for (const row of this.#open()) if (!['approval', 'manual', 'pause'].includes(row.kind)) row.endedBy = 'over';
    if (this.mistake !== 'voids nothing')
      for (const row of this.#verbs)
        if (row.effect === null && !row.turns) Object.assign(row, { effect: 'none', whyNone: 'its workflow was lost' });
    // Steps that are on record are not asked again.
    const station = this.#memory.station;
    this.#memory = { station, standing: null, recorded: [], back: this.#direction === 'back' };
    if (!this.#memory.back && this.#verbs.some(({ effect, turns }) => effect === null && turns)) this.#turnBack();
  }

  #changePlan(): void {
    this.#plan++;
  }

  #close(): void {
    this.#closed = true;
    for (const row of this.#open()) row.endedBy = 'over';
    for (const row of this.#verbs)
      if (row.effect === null) Object.assign(row, { effect: 'none', whyNone: 'the run ended first' });
  }

  #check(): void {
    for (const { station, by } of this.#passed.filter(({ station: s }) => stations[s] === 'approval')) {
      const row = this.#waits.find(({ number }) => number === by)!;
      expect(row.station, 'an approval passes its own gate').toBe(station);
      const verb = this.#verbs.find(({ updateId }) => updateId === row.endedBy);
      expect([verb?.verb, verb?.effect], 'a gate is passed by an approval').toEqual(['approve', 'applied']);
    }
    const looked = this.#verbs.filter((v) => v.verb === 'provide' && v.effect === null);
    for (const { updateId } of looked) {
      const isLookedAt = this.#closed || this.#memory.back || this.#memory.recorded.some((r) => r.message.updateId === updateId);
      expect(isLookedAt, `${updateId} is looked at by somebody`).toBe(true);
    }
    const pending = looked.map(({ wait }) => wait);
    expect(new Set(pending).size, 'one answer to a wait is looked at').toBe(pending.length);
  }

  #checkEnd(): void {
    for (const { updateId, verb, effect, whyNone, wait } of this.#verbs) {
      expect(effect, `${updateId} ${verb} has come to something`).not.toBeNull();
      expect(effect === 'none').toBe(whyNone !== null);
      const ended = this.#waits.filter(({ endedBy }) => endedBy === updateId);
      if (effect === 'applied' && ['approve', 'retry', 'provide'].includes(verb))
        expect(
          ended.map(({ number }) => number),
          `${updateId} ${verb} ends the one wait that it answers`,
        ).toEqual([wait]);
    }
    expect(new Set(this.#verbs.map(({ updateId }) => updateId)).size, 'a verb is recorded once').toBe(this.#verbs.length);
  }
}
