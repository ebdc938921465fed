/**
 * A program is held to have read its source only if it started after the last change of it; no step
 * of a wall clock, forth or back, makes an older one seem younger.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clockOf,
  type MachineClock,
  type SourceSeen,
  startedAfterChange,
} from '../../../activities/connectors/machines/loaded.js';

const hour = 3_600_000;
const noon = Date.UTC(2030, 0, 1, 12);

/** A machine that is told what happens to it, and shows what its clocks make of it. */
class ModelMachine {
  boot = 'first';
  uptime = 1_000_000;
  #set = 0;
  state = 0;
  changedAt = noon - hour;
  standing: SourceSeen['standing'] = null;

  get clock(): MachineClock {
    return { boot: this.boot, uptime: this.uptime, wall: noon + this.uptime + this.#set };
  }
  pass(milliseconds: number): this {
    this.uptime += milliseconds;
    return this;
  }
  setClock(by: number): this {
    this.#set += by;
    return this;
  }
  restart(): this {
    this.#set += this.uptime;
    this.boot = `after ${this.boot}`;
    this.uptime = 0;
    return this.pass(10_000);
  }
  change(): this {
    this.state++;
    this.changedAt = this.clock.wall;
    return this.pass(20);
  }
  /** rekey writes it, and notes when it stood there. */
  handOut(): this {
    this.change();
    this.standing = { state: `${this.state}`, ...this.clock };
    return this.pass(20);
  }
  /** What is known of a program that starts now: since boot, and what the wall clock said then. */
  start() {
    return { boot: this.boot, sinceBoot: this.uptime, said: this.clock.wall };
  }
  get source(): SourceSeen {
    return { state: `${this.state}`, changedAt: this.changedAt, clock: this.clock, standing: this.standing };
  }
  /** As its process shows it now. */
  byProcess({ sinceBoot }: { sinceBoot: number }): boolean {
    const { clock } = this;
    return startedAfterChange({ sinceBoot, wall: clock.wall - clock.uptime + sinceBoot }, this.source);
  }
  /** As a command shows it that was told the time at the start. */
  byTime({ said }: { said: number }): boolean {
    return startedAfterChange({ sinceBoot: null, wall: said }, this.source);
  }
}

describe('a program whose file rekey has written', () => {
  it.each([-hour, -1_500, 0, 1_500, hour])('is judged by the time since boot when the clock is set by %i ms', (by) => {
    const machine = new ModelMachine();
    const old = machine.start();
    machine.pass(500).handOut().setClock(by);
    expect(machine.pass(500).byProcess(old)).toBe(false);
    const next = machine.start();
    expect(machine.pass(500).byProcess(next)).toBe(true);
    expect(machine.setClock(by).byProcess(old)).toBe(false);
    expect(machine.byProcess(next)).toBe(true);
  });

  it.each([-hour, hour])('and whose clock was set by %i ms before that, too', (by) => {
    const machine = new ModelMachine();
    const old = machine.start();
    machine.setClock(by).pass(500).handOut();
    expect(machine.pass(500).byProcess(old)).toBe(false);
    expect(machine.byProcess(machine.start())).toBe(true);
  });

  it('has read it when the machine was started anew since', () => {
    const machine = new ModelMachine().handOut().restart().setClock(-hour);
    expect(machine.byProcess(machine.start())).toBe(true);
  });

  it('has not read it when it is the process of before: a restart that ends nothing proves nothing', () => {
    const machine = new ModelMachine();
    const kept = machine.start();
    machine.pass(500).handOut().pass(60_000);
    expect(machine.byProcess(kept)).toBe(false);
  });

  it.each([-hour, hour])('and somebody else since, is not believed too early when the clock was set by %i ms', (by) => {
    const machine = new ModelMachine().handOut();
    const old = machine.pass(500).start();
    machine.pass(500).change().setClock(by);
    expect(machine.pass(500).byProcess(old)).toBe(false);
    machine.pass(2 * hour);
    expect(machine.byProcess(machine.start())).toBe(true);
    expect(machine.byProcess(old)).toBe(false);
  });

  it('and nobody has handed anything out since, is judged by the wall clock', () => {
    const machine = new ModelMachine();
    const old = machine.start();
    machine.pass(500).change().pass(500);
    expect(machine.byProcess(old)).toBe(false);
    expect(machine.byProcess(machine.start())).toBe(true);
  });
});

describe('a program that tells when it started by a wall clock', () => {
  it('is believed while that clock goes on', () => {
    const machine = new ModelMachine();
    const old = machine.start();
    machine.pass(500).handOut();
    expect(machine.byTime(old)).toBe(false);
    expect(machine.pass(500).byTime(machine.start())).toBe(true);
  });

  it.each([-hour, hour])('is not believed too early where the clock was set by %i ms since the hand-out', (by) => {
    const machine = new ModelMachine();
    const old = machine.start();
    machine.pass(500).handOut().setClock(by);
    expect(machine.byTime(old)).toBe(false);
    machine.pass(2 * hour);
    expect(machine.byTime(machine.start())).toBe(true);
    expect(machine.byTime(old)).toBe(false);
  });

  it('is not where it says what has not come yet', () => {
    const machine = new ModelMachine();
    const ahead = machine.start();
    machine.setClock(-hour).pass(500).handOut();
    expect(machine.byTime(ahead)).toBe(false);
  });
});

describe('a machine that does not tell its clocks', () => {
  it('is judged by the wall clock alone', () => {
    const source = { state: '1', changedAt: noon, clock: null, standing: null };
    expect(startedAfterChange({ sinceBoot: 5, wall: noon + 500 }, source)).toBe(true);
    expect(startedAfterChange({ sinceBoot: 5, wall: noon }, source)).toBe(false);
  });

  it.each([
    ['', 'id', noon],
    ['12.34 5.6', '', noon],
    ['12.34 5.6', 'id', Number.NaN],
    ['cat: /proc/uptime', 'id', noon],
  ])('says %j, %j, %d', (uptime, boot, wall) => expect(clockOf(uptime, boot, wall)).toBeNull());

  it('from one that does', () =>
    expect(clockOf('12.34 5.6\n', 'id\n', noon)).toEqual({ boot: 'id', uptime: 12_340, wall: noon }));
});

it('no story of a hand-out, restarts and clocks that are set makes an older process seem to have read the file', () => {
  const move = fc.oneof(
    fc.constant({ kind: 'start' as const, by: 0 }),
    fc.constant({ kind: 'handOut' as const, by: 0 }),
    fc.constant({ kind: 'restart' as const, by: 0 }),
    fc.record({ kind: fc.constant('set' as const), by: fc.integer({ min: -2 * hour, max: 2 * hour }) }),
    fc.record({ kind: fc.constant('pass' as const), by: fc.integer({ min: 1, max: 2 * hour }) }),
  );
  let loaded = 0;
  fc.assert(
    fc.property(fc.array(move, { minLength: 2, maxLength: 12 }), (moves) => {
      const machine = new ModelMachine().handOut();
      let running: { boot: string; sinceBoot: number; read: number } | null = null;
      for (const { kind, by } of moves) {
        if (kind === 'start') running = { ...machine.pass(20).start(), read: machine.state };
        else if (kind === 'handOut') machine.handOut();
        else if (kind === 'restart') {
          machine.restart();
          running = null;
        } else if (kind === 'set') machine.setClock(by);
        else machine.pass(by);
        if (!running) continue;
        expect(machine.byProcess(running)).toBe(running.read === machine.state);
        loaded += Number(running.read === machine.state);
      }
    }),
    { numRuns: 2_000, seed: 13 },
  );
  expect(loaded).toBeGreaterThan(500);
});
