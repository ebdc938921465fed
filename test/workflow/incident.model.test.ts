/**
 * Runs of each kind in any phase, leaks of the old key, the new one or both, what operators say,
 * workflows that are lost: what has leaked dies, is handed to nobody, and everybody ends on a key.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { executeUpdate, startWorkflow } from '../../client/messages.js';
import { haltUpdate, incidentWorkflowId, mainQueue } from '../../workflows/contract.js';
import type { Way } from '../../workflows/domain/incident.js';
import { endsKind, type Verb } from '../../workflows/domain/verbs.js';
import { tester } from '../support/who.js';
import { FakeIncident } from './fakes/incident.js';
import type { Hold } from './fakes/script.js';
import { useStage } from './fakes/stage.js';
import type { Setting, World } from './fakes/world.js';

const stage = useStage();

/** `REKEY_MODEL_RUNS` and `REKEY_MODEL_SEED` search longer, and elsewhere. */
const numRuns = Number(process.env.REKEY_MODEL_RUNS ?? 16);
const seed = Number(process.env.REKEY_MODEL_SEED ?? 20_261_128);
/** Answers after which a person who was led on gives up, and workflows that are begun anew. */
const mostAnswers = 24;
const mostLives = 12;
/** Times that an exit which is offered may be refused, while the run comes to it. */
const mostRefused = 1_000;
/** A bound on a hang. */
const mostLooks = 12_000;
/** Looks, 10 ms apart, after which what stands still is not waited for. */
const patience = 40;

const leak = fc.record({
  what: fc.constant('leak' as const),
  which: fc.constantFrom('old', 'old', 'new', 'new', 'both'),
  way: fc.constantFrom<Way>('rotate', 'contain'),
  moment: fc.boolean(),
});
const said = fc.record({
  what: fc.constant('say' as const),
  verb: fc.constantFrom<Verb>('pause', 'resume', 'abort', 'abort', 'approve', 'retry', 'exempt', 'expedite'),
});
const plain = fc.record({
  what: fc.constantFrom('take-over', 'lose-abort', 'moment', 'pause', 'resume', 'stop', 'stop'),
});
const event = fc.oneof({ arbitrary: leak, weight: 2 }, { arbitrary: said, weight: 3 }, { arbitrary: plain, weight: 3 });
/** `after`: so many attempts later; then the next one is held until it happened. */
const timed = <Event>(arbitrary: fc.Arbitrary<Event>) => fc.record({ after: fc.nat({ max: 5 }), event: arbitrary });

/** Where the first event finds the run; else it does so after so many attempts. */
const places = [
  ...['preflightStore', 'mintVersion', 'distribute', 'confirmConsumer', 'drain', 'revokeVersion', 'proveEnabled'],
  ...['undeployConsumer', 'regenerateSecret', 'updateSecret', 'confirmDeployed', 'changeKey'],
];

const cases = fc.record({
  kind: fc.constantFrom('overlap', 'overlap', 'overlap', 'in-place', 'update'),
  programs: fc.constantFrom([], ['east/web-1'], ['east/web-1', 'west/cron']),
  disables: fc.boolean(),
  gate: fc.boolean(),
  fails: fc.option(
    fc.constantFrom('mintVersion', 'proveVersion', 'confirmConsumer', 'distribute', 'confirmDeployed', 'proveImage'),
  ),
  at: fc.option(fc.constantFrom(...places), { freq: 3 }),
  first: fc.nat({ max: 12 }),
  before: fc.array(timed(event), { maxLength: 1 }),
  leak: timed(leak),
  behind: fc.array(timed(event), { maxLength: 3 }),
});
type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;
type Event = Case['behind'][number]['event'];

const settingOf = ({ kind, programs, disables, gate }: Case): Setting => ({
  strategy: kind === 'in-place' ? 'in-place' : 'overlap',
  programs,
  disables,
  policy: gate ? { approve: ['start', 'take-away'] } : {},
  options: kind === 'update' ? { update: { change: { kind: 'declared' }, accepted: false } } : {},
});

let numbers = 0;

/** One case as it goes on. */
class Play {
  readonly #incidents: FakeIncident[] = [];
  readonly #moment = '2100-01-01T00:00:00.000Z';
  #left = 1_000;
  #turned = false;
  #lives = 0;
  #answers = 0;
  #refused = 0;
  readonly #taken = new Map<string, number>();

  constructor(
    private readonly world: World,
    private readonly one: Case,
  ) {
    world.ledger.now = async () => Date.parse(this.#moment) - this.#left;
  }

  async run(): Promise<void> {
    const { world, one } = this;
    const { script } = world;
    if (one.fails) script.fails(one.fails, one.fails === 'mintVersion' ? 'KR_STATE_UNCLEAR' : 'KR_HOST_REFUSED', { times: 2 });
    await world.begin();
    await world.untilDone('openRun', 1);
    const events = [...one.before, one.leak, ...one.behind];
    let [seen, quiet] = [one.first - events[0]!.after, 0];
    let hold: Hold | null = one.at === null ? null : script.holds(one.at);
    for (let before = -1, looks = 0; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
      expect(++looks, `it comes to no end: ${this.#state()}`).toBeLessThan(mostLooks);
      const begun = script.log.filter(({ isLocal }) => !isLocal).length;
      quiet = begun === before ? quiet + 1 : 0;
      before = begun;
      this.#expectNoHarm();
      const next = events[0];
      if (next) {
        if (!hold && begun >= seen + next.after) hold = script.holdsNext();
        if (!hold?.isReached && quiet < patience) continue;
        events.shift();
        await this.#happens(next.event);
        hold?.release();
        [hold, seen, quiet] = [null, begun, 0];
      } else if (await this.#isOver()) return;
      else if (quiet >= 2) await this.#goOn(quiet);
    }
  }

  /** For whoever reads what was found. */
  #state(): string {
    const { row, states, asked } = this.world.ledger;
    const { id, phase, direction, outcome, paused } = row;
    const incidents = this.#incidents.map(({ number, urgency, state, settled }) => ({
      number,
      way: urgency.way,
      state,
      settled,
    }));
    return JSON.stringify({ id, phase, direction, outcome, paused, states, asked, incidents });
  }

  #expectNoHarm(): void {
    const harm = [...this.world.outside.harm, ...this.world.ledger.harm];
    expect(harm, harm.join('; ')).toEqual([]);
  }

  async #isOver(): Promise<boolean> {
    const { ledger, outside, required } = this.world;
    if (!ledger.isClosed || this.#incidents.some((incident) => !incident.isOver)) return false;
    for (const incident of this.#incidents)
      for (const { generation, outcome, reason } of incident.settled) {
        if (outcome !== 'failed') expect(outside.dead, `${generation} is ${outcome}`).toContain(generation);
        else expect(this.#turned || this.one.fails !== null, `nobody turned it back, and it failed: ${reason}`).toBe(true);
      }
    for (const name of required)
      expect(outside.keys.get(outside.uses[name]!), `${name} ends on ${outside.uses[name]}`).toBe('live');
    if (this.one.kind === 'in-place') expect([...outside.up], 'programs that run').toEqual(expect.arrayContaining([...required]));
    return true;
  }

  async #happens(event: Event): Promise<void> {
    const { world } = this;
    switch (event.what) {
      case 'leak':
        return this.#leaks(event.which, event.way, event.moment);
      case 'say':
        this.#turned ||= event.verb === 'abort';
        await this.#attempt(() => world.say(event.verb, event.verb === 'exempt' ? (world.required[0] ?? null) : null));
        return;
      case 'take-over':
        return this.#takeOver();
      case 'lose-abort':
        return this.#loseAbort();
      case 'moment':
        this.#left = 0;
        return;
      case 'pause':
      case 'resume':
      case 'stop': {
        const open = this.#incidents.find(({ isOver }) => !isOver);
        if (open) await this.#halt(open, ({ pause: 'paused', resume: 'open', stop: 'stopped' } as const)[event.what]);
      }
    }
  }

  async #leaks(which: string, way: Way, moment: boolean): Promise<void> {
    const { ledger } = this.world;
    const known = Object.keys(ledger.states).map(Number);
    const made = known.at(-1)!;
    const served = ledger.isClosed ? made : ledger.row.previousGeneration!;
    const generations = which === 'old' ? [served] : which === 'new' ? [made] : [...new Set([served, made])];
    const incident = new FakeIncident(way, moment && way === 'rotate' ? this.#moment : null, ++numbers);
    incident.names(ledger, generations);
    this.#incidents.push(incident);
    await this.#carryOn(incident);
  }

  /** As the sweep does, where its workflow was lost. */
  async #carryOn({ number }: FakeIncident): Promise<void> {
    const workflowId = incidentWorkflowId(number);
    stage.serve(workflowId, this.world);
    const order = { id: randomUUID(), number, by: tester, plan: null };
    await this.#attempt(() => startWorkflow(this.world.client, 'answerIncident', order, { workflowId, taskQueue: mainQueue }));
  }

  async #halt({ number }: FakeIncident, to: 'paused' | 'open' | 'stopped'): Promise<void> {
    const handle = this.world.client.workflow.getHandle(incidentWorkflowId(number));
    await this.#attempt(() => executeUpdate(handle, haltUpdate, { to, by: tester, reason: null }));
  }

  async #takeOver(): Promise<void> {
    await this.world.endWorkflow('the case ends it');
    await this.#sweep();
  }

  /** Where a workflow runs, nothing happens. */
  async #sweep(): Promise<void> {
    for (const { options } of await this.world.ledger.sweep())
      if (await this.#attempt(() => this.world.begin({ onlyIf: 'open', options }))) this.#lives++;
    expect(this.#lives, 'it is begun anew, and comes to no end').toBeLessThan(mostLives);
  }

  /** Only of a run that may turn back, in the middle of a step. */
  async #loseAbort(): Promise<void> {
    const { world } = this;
    const held = world.script.log.findLast((e) => e.step !== null && e.ended === null);
    const legal: readonly Verb[] = await world.legalVerbs().catch(() => []);
    if (!held || world.ledger.isClosed || !legal.includes('abort')) return;
    this.#turned = true;
    await this.#attempt(async () => {
      const again = await world.loseAbort(held.label);
      again().catch(() => undefined);
    });
  }

  /** What nobody needs to wait for: a person does what is offered, and the sweep looks. */
  async #goOn(quiet: number): Promise<void> {
    const { ledger } = this.world;
    const paused = this.#incidents.find(({ state }) => state === 'paused');
    if (paused) {
      await this.#carryOn(paused);
      return this.#halt(paused, 'open');
    }
    const wait = ledger.asked.at(-1);
    if (wait) return this.#answer(wait);
    if (quiet < patience * 5) return;
    if (!ledger.isClosed) await this.#sweep();
    for (const incident of this.#incidents) if (!incident.isOver) await this.#carryOn(incident);
  }

  async #answer(wait: World['ledger']['asked'][number]): Promise<void> {
    const { world } = this;
    const { ledger } = world;
    if (wait.text.includes('another incident')) return this.#leaks('old', ledger.row.urgency!.way, false);
    expect(wait.nextCommands.length, `an exit is offered for "${wait.text}"`).toBeGreaterThan(0);
    // One exit after the other, as often as it takes: each is offered because it can succeed.
    const turn = this.#taken.get(wait.text) ?? 0;
    const exit = wait.nextCommands[turn % wait.nextCommands.length]! as Verb;
    const consumer = exit === 'exempt' ? (world.required[0] ?? null) : null;
    if (!(await this.#attempt(() => world.say(exit, consumer, null, endsKind(exit, wait.kind) ? wait.number : null)))) {
      const isOpen = ledger.asked.some(({ number }) => number === wait.number);
      this.#refused = isOpen ? this.#refused + 1 : 0;
      expect(this.#refused, `${exit} is offered for "${wait.text}", and refused`).toBeLessThan(mostRefused);
      return;
    }
    this.#refused = 0;
    this.#turned ||= exit === 'abort' || exit === 'reject';
    this.#taken.set(wait.text, turn + 1);
    expect(++this.#answers, `it is led on: ${[...this.#taken.keys()].join(' | ')}`).toBeLessThan(mostAnswers);
  }

  /** False: it is illegal by now, or over. */
  #attempt(act: () => Promise<unknown>): Promise<boolean> {
    return act().then(
      () => true,
      () => false,
    );
  }
}

describe('an incident, whatever is open when it begins', () => {
  it('leaves no leaked key alive, touches no other, and hands nobody one that has leaked', async () => {
    const found: string[] = [];
    const queue = [...fc.sample(cases, { numRuns, seed }).entries()].filter(
      ([i]) => !process.env.ONLY || process.env.ONLY.split(',').includes(String(i)),
    );
    const next = async (): Promise<void> => {
      for (let entry = queue.shift(); entry; entry = queue.shift()) {
        const [index, one] = entry;
        const world = stage.world(settingOf(one));
        try {
          await new Play(world, one).run();
        } catch (error) {
          const lately = world.script.log.slice(-8).map((e) => `${e.label}: ${e.how}`);
          found.push(
            `${index} ${JSON.stringify(one)}: ${(error as Error).message}; ${world.waits.join(' | ')}; ${lately.join(', ')}`,
          );
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, next));
    expect(found, `seed ${seed}`).toEqual([]);
  });
});
