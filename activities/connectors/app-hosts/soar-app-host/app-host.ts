/**
 * Owns an App Host of IBM QRadar SOAR: apps that read their secrets at the start only, and are
 * stopped and started for a new one.
 */
import type { ConsumerSpec } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { Inspection } from '../../../../workflows/domain/observations.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../../ports/app-host.js';
import type { AppHostConnector, ConnectorContext } from '../../../ports/connector.js';
import { hostFaults } from '../../http/faults.js';
import { type App, SoarClient } from '../../key-stores/soar/client.js';
import { type SoarSettings, unpublishedCalls } from '../../key-stores/soar/config.js';
import { describe, handlesOf, instancesOf, type KnownKey, stateOf } from './app-state.js';
import { AppsClient } from './client.js';
import { config, consumer } from './config.js';
import { exitOnRefusedLogin, whyRefused } from './errors.js';
import { HandOut } from './hand-out.js';
import { restart } from './restart.js';

export const connector: AppHostConnector = {
  config,
  open(_settings, context, store) {
    const settings = store?.settings as Partial<SoarSettings> | undefined;
    if (!store || !settings?.organisation)
      throw new RekeyError('KR_CONFIG_INVALID', `${context.name}: \`store\` must name a key store of kind soar`);
    return new SoarAppHost(settings as SoarSettings, context, store.context);
  },
};

class SoarAppHost implements AppHost {
  readonly kind = 'soar-app-host';
  readonly capabilities: AppHostCapabilities;
  readonly #soar: SoarClient;
  readonly #apps: AppsClient;
  readonly #handOut: HandOut;

  constructor(
    settings: SoarSettings,
    private readonly context: ConnectorContext,
    storeContext: ConnectorContext,
  ) {
    this.#soar = new SoarClient(settings, storeContext, hostFaults, context.name);
    this.#apps = new AppsClient(this.#soar);
    this.#handOut = new HandOut(this.#soar, this.#apps, context.name);
    this.capabilities = {
      remembersFence: false,
      showsSource: false,
      deploys: true,
      readsSecret: false,
      timing: { request: settings.timing.request, settle: settings.timing.settle },
      assumptions: Object.keys(unpublishedCalls).filter((name) => /^soar-(deploy|secrets|config)-call$/.test(name)),
    };
  }

  async identity(signal: AbortSignal): Promise<string> {
    return (await this.#soar.login(signal)).uuid;
  }

  async inspect(spec: ConsumerSpec, known: readonly KnownVersion[], signal: AbortSignal): Promise<Inspection> {
    const { app: name } = consumer.parse(spec.settings);
    const app = await this.#apps.find(name, signal);
    const seen = { consumer: spec.name, source: null, showsSource: false };
    if (!app)
      return {
        ...seen,
        state: 'failing',
        instances: [],
        healthy: false,
        authenticationFailed: false,
        detail: `there is no app ${name}`,
      };

    const state = stateOf(app);
    const exit = app.last_exit_code ?? null;
    const authenticationFailed = state === 'failing' && exit === exitOnRefusedLogin;
    const why = authenticationFailed ? `: ${await this.#whyRefused(app, signal)}` : '';
    return {
      ...seen,
      state,
      instances: instancesOf(app, state, await this.#keys(known, signal)),
      // Stopped on purpose is not ill: rekey stops apps itself, and starts none that did not run.
      healthy: state === 'running' || state === 'stopped',
      authenticationFailed,
      detail: state === 'running' || state === 'stopped' ? '' : `${describe(app, exit)}${why}`,
    };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    await this.#handOut.give(await this.#existing(delivery.consumer, signal), delivery, signal);
  }

  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    await restart(this.#apps, await this.#existing(spec, signal), this.context.name, signal);
  }

  async undeploy(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    await this.#apps.switch(await this.#existing(spec, signal), 'undeploy', signal);
  }

  async deploy(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    await this.#apps.switch(await this.#existing(spec, signal), 'deploy', signal);
  }

  async consumersNamed(names: readonly string[], _keyId: string, signal: AbortSignal): Promise<readonly ConsumerSpec[]> {
    const here = new Set((await this.#soar.apps(signal)).map((app) => app.name));
    const missing = names.filter((name) => !here.has(name));
    if (missing.length > 0)
      throw new RekeyError('KR_HOST_REFUSED', `${this.context.name}: these use the key and are not here: ${missing.join(', ')}`);
    return names.map((name) => ({ name, host: this.context.name, settings: { app: name } }));
  }

  async #existing(spec: ConsumerSpec, signal: AbortSignal): Promise<App> {
    const { app: name } = consumer.parse(spec.settings);
    const app = await this.#apps.find(name, signal);
    if (app) return app;
    throw new RekeyError('KR_HOST_REFUSED', `${this.context.name}: there is no app ${name}`);
  }

  async #whyRefused(app: App, signal: AbortSignal): Promise<string> {
    const handles = handlesOf(app);
    const keys = await this.#soar.list(signal);
    return whyRefused(
      keys.filter((key) => handles.includes(this.#soar.clientIdOf(key))),
      Date.now(),
    );
  }

  /**
   * Versions that share a key are told apart by their time only, and only the newest can be right.
   */
  async #keys(known: readonly KnownVersion[], signal: AbortSignal): Promise<readonly KnownKey[]> {
    const newest = new Map<string, number>();
    for (const { keyId, generation } of known) newest.set(keyId, Math.max(generation, newest.get(keyId) ?? 0));
    const keys = await Promise.all(
      [...newest].map(async ([keyId, generation]) => {
        const found = await this.#soar.get(keyId, signal);
        return found
          ? [
              {
                generation,
                handle: this.#soar.clientIdOf(found.key),
                secretChangedAt: found.key.secret_last_modified_time ?? null,
              },
            ]
          : [];
      }),
    );
    return keys.flat();
  }
}
