/**
 * Owns the sandbox as a whole: puts its parts together, brings them up in order, makes them anew,
 * and ends them.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeConfiguration } from './configuration.js';
import { Consumers } from './consumers/consumers.js';
import { serveControl } from './control.js';
import { Doors } from './door.js';
import { Durable } from './durable.js';
import { Faults } from './faults.js';
import { type HookState, newHookState } from './hooks.js';
import { Requests } from './requests.js';
import { Traffic } from './traffic.js';
import { createVendors } from './vendors/registry.js';
import type { Planted, Vendor, World } from './vendors/vendor.js';

export interface Ready {
  readonly ready: true;
  readonly control: string;
  readonly config: string;
  readonly vendors: Record<string, Record<string, unknown>>;
}

export class Sandbox {
  readonly #states: Array<{ save(): void }> = [];
  readonly #doors: Doors;
  readonly #faults: Faults;
  readonly #requests: Requests;
  readonly #traffic: Traffic;
  readonly #consumers: Consumers;
  readonly #vendors: Vendor[];
  readonly #hooks: Durable<HookState>;
  #control = '';

  /**
   * `vendors`: names of those that are simulated; `pace`: how many times slower than usual the
   * programs work; `idle`: none of them runs before a reset.
   */
  constructor(
    private readonly home: string,
    vendors: readonly string[],
    pace: number,
    idle: boolean,
  ) {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    this.#faults = new Faults(this.#state('faults', () => []));
    mkdirSync(path.join(home, 'state'), { recursive: true, mode: 0o700 });
    this.#requests = new Requests(path.join(home, 'state', 'requests.jsonl'));
    this.#doors = new Doors(
      this.#state('ports', () => ({})),
      this.#faults,
      this.#requests,
    );
    this.#traffic = new Traffic(
      this.#state('traffic', () => ({ on: true, rows: [] })),
      pace,
    );
    this.#consumers = new Consumers(
      this.#traffic,
      this.#state('processes', () => []),
      this.#state('planted', () => ({})),
      idle,
    );
    this.#hooks = this.#state('hooks', newHookState);
    const world = {
      home,
      doors: this.#doors,
      traffic: this.#traffic,
      consumers: this.#consumers,
      state: (name, initial) => this.#state(name, initial),
      hostCommand: (verb, app) => hostCommand(this.#control, verb, app),
    } satisfies World;
    this.#vendors = createVendors(world, vendors);
  }

  async start(): Promise<Ready> {
    // First of all: a second sandbox on the same home fails here, before it can harm the first
    // one's processes.
    const control = this.#doors.create();
    await serveControl(control, {
      doors: this.#doors,
      vendors: this.#vendors,
      consumers: this.#consumers,
      traffic: this.#traffic,
      faults: this.#faults,
      requests: this.#requests,
      hooks: this.#hooks,
      reset: (planted, programs) => this.#reset(planted, programs),
    });
    this.#control = await this.#doors.listen('control', control);
    await Promise.all(this.#vendors.map((vendor) => vendor.open()));
    await this.#consumers.endLeftovers();
    await this.#startConsumers();
    return {
      ready: true,
      control: this.#control,
      config: writeConfiguration(this.home, this.#vendors, this.#hooks.value.signingKey, false),
      vendors: Object.fromEntries(this.#vendors.map((vendor) => [vendor.name, vendor.ready()])),
    };
  }

  /** Programs first, while there is still somebody to whom they can hand what they hold. */
  async stop(): Promise<void> {
    await this.#consumers.stop();
    await this.#doors.close();
    for (const state of this.#states) state.save();
  }

  async #reset(planted: Record<string, Planted>, programs: readonly string[] | null): Promise<void> {
    await this.#consumers.clear(programs);
    try {
      for (const vendor of this.#vendors) vendor.reset(planted[vendor.name] ?? {});
    } finally {
      this.#faults.clear();
      this.#hooks.value = newHookState();
      this.#hooks.save();
      this.#requests.clear();
      this.#traffic.clear();
      this.#traffic.on = true;
      await this.#startConsumers();
      writeConfiguration(this.home, this.#vendors, this.#hooks.value.signingKey, true);
    }
  }

  async #startConsumers(): Promise<void> {
    await Promise.all(this.#vendors.map((vendor) => vendor.startConsumers()));
  }

  #state<T>(name: string, initial: () => T): Durable<T> {
    const state = new Durable(path.join(this.home, 'state', `${name}.json`), initial);
    this.#states.push(state);
    return state;
  }
}

function hostCommand(control: string, verb: string, app: string): string {
  const ctl = fileURLToPath(new URL('ctl.js', import.meta.url));
  return [process.execPath, ctl, control, verb, app].map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
