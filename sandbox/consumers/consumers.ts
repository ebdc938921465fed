/**
 * Owns all consumers of the sandbox and the list of their processes, by which a later life ends
 * what this one may leave behind.
 */
import type { Durable } from '../durable.js';
import type { Traffic } from '../traffic.js';
import { Consumer, type ConsumerSpec, type Watcher } from './consumer.js';
import { endLeftover, identify, type ProcessIdentity } from './process-identity.js';

/** What outlives the sandbox of one consumer. */
type Planted = Record<string, { count: number; refuse: boolean }>;

export class Consumers {
  readonly #all = new Map<string, Consumer>();
  readonly #watcher: Watcher;

  constructor(
    private readonly traffic: Traffic,
    private readonly processes: Durable<ProcessIdentity[]>,
    private readonly planted: Durable<Planted>,
    /** Whether consumers of which nothing is planted wait for a reset before they run. */
    private idle: boolean,
  ) {
    this.#watcher = {
      traffic: () => traffic.on,
      pace: traffic.pace,
      started: (pid) => {
        const identity = identify(pid);
        if (identity) processes.value.push(identity);
        processes.save();
      },
      ended: (pid) => {
        processes.value = processes.value.filter((process) => process.pid !== pid);
        processes.save();
      },
      changed: (consumer) => this.#changed(consumer),
    };
  }

  async endLeftovers(): Promise<void> {
    await Promise.all(this.processes.value.map(endLeftover));
    this.processes.value = [];
    this.processes.save();
  }

  add(spec: ConsumerSpec): Consumer {
    const consumer = new Consumer(spec, this.#watcher);
    Object.assign(consumer, this.planted.value[spec.app] ?? (this.idle ? { count: 0 } : {}));
    this.#all.set(spec.app, consumer);
    this.traffic.add(spec.app, spec.vendor);
    return consumer;
  }

  get(app: string): Consumer | undefined {
    return this.#all.get(app);
  }

  get names(): readonly string[] {
    return [...this.#all.keys()];
  }

  refuse(consumer: Consumer, on: boolean): void {
    consumer.refuse = on;
    this.#plant(consumer);
  }

  async scale(consumer: Consumer, count: number): Promise<void> {
    await consumer.scale(count);
    this.#plant(consumer);
  }

  setTraffic(on: boolean): void {
    this.traffic.on = on;
    for (const consumer of this.#all.values()) consumer.tellTraffic(on);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all.values()].map((consumer) => consumer.stop()));
  }

  /**
   * Ends all consumers at once, and forgets them with everything that was planted in them. Of those
   * that come next these run; all of them where it is null.
   */
  async clear(programs: readonly string[] | null): Promise<void> {
    const idle = programs === null ? [] : [...this.#all.keys()].filter((app) => !programs.includes(app));
    await Promise.all([...this.#all.values()].map((consumer) => consumer.dismiss()));
    this.#all.clear();
    this.idle = false;
    this.planted.value = Object.fromEntries(idle.map((app) => [app, { count: 0, refuse: false }]));
    this.planted.save();
  }

  #plant({ spec, count, refuse }: Consumer): void {
    this.planted.value[spec.app] = { count, refuse };
    this.planted.save();
  }

  #changed(consumer: Consumer): void {
    const shown = consumer.running[0];
    if (shown) this.traffic.isUp(consumer.spec.app, shown.loaded?.fingerprint ?? null);
    else this.traffic.isDown(consumer.spec.app);
  }
}
