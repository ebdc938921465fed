/**
 * Owns the App Host: it brings each app to where it is wanted, and hands it its secrets at the
 * start and never again. IBM publishes the clicks (App Host, "Deploy" and "Undeploy"), not the
 * calls: states and calls are assumed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Consumer, ConsumerSpec } from '../../consumers/consumer.js';
import type { Consumers } from '../../consumers/consumers.js';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import type { AppSettings } from './app.js';
import { type App, type AppStatus, partsOf, type SoarState } from './state.js';

export class AppHost {
  readonly #busy = new Set<App>();

  constructor(
    private readonly store: Durable<SoarState>,
    private readonly consumers: Consumers,
    private readonly url: () => string,
  ) {}

  /** Starts what is to run; an app whose deployment was under way goes on with it. */
  async open(): Promise<void> {
    await Promise.all(
      this.store.value.apps.map(async (app) => {
        const consumer = this.consumers.add(this.#spec(app));
        // One that does not come up is tried again and again, and shown as failed.
        if (app.status === 'DEPLOYED') await consumer.start().catch(() => {});
        void this.#reconcile(app);
      }),
    );
  }

  deploy(app: App): void {
    if (app.desired === 'DEPLOYED' && this.status(app) !== 'FAILED') return;
    app.desired = 'DEPLOYED';
    app.status = 'DEPLOYING';
    this.store.save();
    void this.#reconcile(app);
  }

  undeploy(app: App): void {
    if (app.desired === 'UNDEPLOYED') return;
    app.desired = 'UNDEPLOYED';
    app.status = 'UNDEPLOYING';
    this.store.save();
    void this.#reconcile(app);
  }

  /**
   * What the apps page shows: an app whose processes end before they are up has failed, although it
   * is still being tried.
   */
  status(app: App): AppStatus | 'FAILED' {
    return app.status === 'DEPLOYED' && this.consumer(app).failures > 0 ? 'FAILED' : app.status;
  }

  consumer(app: App): Consumer {
    return this.consumers.get(app.name)!;
  }

  async #reconcile(app: App): Promise<void> {
    if (this.#busy.has(app)) return;
    this.#busy.add(app);
    const consumer = this.consumer(app);
    // After a reset the app of this loop is nobody's any more.
    while (app.status !== app.desired && this.store.value.apps.includes(app)) {
      const desired = app.desired;
      await consumer.stop();
      await sleep(desired === 'DEPLOYED' ? TIMING.soar.deploy : TIMING.soar.undeploy);
      if (desired === 'DEPLOYED') await consumer.start().catch(() => {});
      if (desired !== app.desired) continue;
      app.status = desired;
      this.store.save();
    }
    this.#busy.delete(app);
  }

  #spec(app: App): ConsumerSpec {
    return {
      app: app.name,
      vendor: 'soar',
      program: fileURLToPath(new URL('app.js', import.meta.url)),
      args: [],
      startDelay: TIMING.consumers.appStart,
      restartDelay: TIMING.soar.restartDelay,
      settings: (): AppSettings => ({
        url: this.url(),
        configs: partsOf(app).map(({ configString }) => configString),
        secrets: { ...app.secrets },
        orgId: this.store.value.orgId,
        messageWork: TIMING.soar.messageWork,
      }),
    };
  }
}
