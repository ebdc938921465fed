/**
 * Owns an App Host of IBM QRadar SOAR: apps that read their secrets at the start only, and are
 * stopped and started for a new one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerSpec } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { Inspection, InstanceSeen, RunState } from '../../../../workflows/domain/observations.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../../ports/app-host.js';
import type { AppHostConnector, ConnectorContext } from '../../../ports/connector.js';
import type { Secret } from '../../../ports/secret.js';
import { hostFaults } from '../../http/faults.js';
import { type ApiKey, type App, SoarClient } from '../../key-stores/soar/client.js';
import { type SoarSettings, unpublishedCalls } from '../../key-stores/soar/config.js';
import { moved } from './app-config.js';
import { AppsClient } from './client.js';
import { config, consumer } from './config.js';
import { exitOnRefusedLogin, whyRefused } from './errors.js';
import { secretNames } from './secrets.js';

export const connector: AppHostConnector = {
  config,
  open(_settings, context, store) {
    const settings = store?.settings as Partial<SoarSettings> | undefined;
    if (!store || !settings?.organisation)
      throw new RekeyError('KR_CONFIG_INVALID', `${context.name}: \`store\` must name a key store of kind soar`);
    return new SoarAppHost(settings as SoarSettings, context, store.context);
  },
};

type Part = NonNullable<App['current_installation']>['executables'][number];

/** Milliseconds between two looks at an app that is being stopped; each look is a login. */
const pollInterval = 300;

/** What is known of a key that an app may be on. */
interface KnownKey {
  readonly generation: number;
  readonly handle: string;
  readonly secretChangedAt: number | null;
}

class SoarAppHost implements AppHost {
  readonly kind = 'soar-app-host';
  readonly capabilities: AppHostCapabilities;
  readonly #soar: SoarClient;
  readonly #apps: AppsClient;

  constructor(
    settings: SoarSettings,
    private readonly context: ConnectorContext,
    storeContext: ConnectorContext,
  ) {
    this.#soar = new SoarClient(settings, storeContext, hostFaults, context.name);
    this.#apps = new AppsClient(this.#soar);
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

  /**
   * Parts of the app that are on another key of the credential are moved to this one; those that
   * are on it get the secret under the name that they have for it. What else the app uses keys for
   * is left alone.
   */
  async deliver({ consumer: spec, version, otherKeys }: Delivery, signal: AbortSignal): Promise<void> {
    const settings = consumer.parse(spec.settings);
    const app = await this.#existing(spec, signal);
    const handle = this.#soar.clientIdOf(await this.#key(version.keyId, signal));
    const others = otherKeys.length > 0 ? await this.#handles(otherKeys, signal) : [];
    const stale = partsOf(app).filter(({ apikey_handle }) => apikey_handle && others.includes(apikey_handle));
    const shown = handlesOf(app);
    const isOnIt = shown.includes(handle) || shown.length === 0;
    if (!isOnIt && stale.length === 0) throw this.#refused(app, 'it does not use this key');
    if (stale.length > 0) await this.#move(app, stale, handle, version.secret, signal);
    if (!isOnIt) return;
    for (const name of settings.secret ? [settings.secret] : this.#secretNames(app, handle)) {
      await this.#apps.writeSecret(app, name, version.secret, signal);
    }
  }

  /**
   * Apps read key and secret at the start only, so a hand-out to one that runs is undeploy and
   * deploy, as IBM tells people to do ("Regenerating an API key"). It always is: from outside, an
   * app that started a moment too early looks like one that has the new key.
   */
  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const app = await this.#existing(spec, signal);
    const state = stateOf(app);
    if (state !== 'stopped') {
      if (state !== 'stopping') await this.#apps.switch(app, 'undeploy', signal);
      await this.#stopped(app.name, signal);
    }
    await this.#apps.switch(app, 'deploy', signal);
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

  async #key(keyId: string, signal: AbortSignal): Promise<ApiKey> {
    const found = await this.#soar.get(keyId, signal);
    if (found) return found.key;
    throw new RekeyError('KR_HOST_REFUSED', `${this.context.name}: there is no key ${keyId}`);
  }

  #secretNames(app: App, handle: string): readonly string[] {
    const names = secretNames(app, handle);
    if (names.ok) return names.names;
    throw this.#refused(app, `${names.reason}; say under which name it is kept with \`secret:\` of the consumer`);
  }

  /**
   * Secret first, under a name that nothing refers to yet; then each part is put on the key in one
   * write.
   */
  async #move(app: App, parts: readonly Part[], to: string, secret: Secret, signal: AbortSignal): Promise<void> {
    this.#soar.mustBeAccepted('soar-config-call');
    const changes = parts.map(({ id, config_string, apikey_handle }) => {
      const change = moved(config_string ?? '', apikey_handle!, to);
      if (!change.ok) throw this.#refused(app, change.reason);
      if (!id) throw this.#refused(app, 'App Host shows no id of the part that uses the key');
      return { id, ...change };
    });
    for (const name of new Set(changes.map(({ secretName }) => secretName)))
      await this.#apps.writeSecret(app, name, secret, signal, true);
    for (const { id, text } of changes) await this.#apps.writeConfig(app, id, to, text, signal);
  }

  /** What programs log in with, of those keys that are still there. */
  async #handles(keyIds: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const keys = await this.#soar.list(signal);
    return keys.filter(({ id }) => keyIds.includes(String(id))).map((key) => this.#soar.clientIdOf(key));
  }

  /**
   * Waits as long as the caller does. What was sent before cannot be taken back, so an end of
   * patience is unclear.
   */
  async #stopped(name: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const app = await this.#apps.find(name, signal);
        if (!app || stateOf(app) === 'stopped') return;
        await sleep(pollInterval, undefined, { signal });
      } catch (error) {
        const detail = error instanceof RekeyError ? error.detail : `${this.context.name}: no time was left to wait`;
        throw new RekeyError('KR_HOST_UNCLEAR', `${detail}; ${name} was told to stop, and is not started yet`);
      }
    }
  }

  async #whyRefused(app: App, signal: AbortSignal): Promise<string> {
    const handles = handlesOf(app);
    const keys = await this.#soar.list(signal);
    return whyRefused(
      keys.filter((key) => handles.includes(this.#soar.clientIdOf(key))),
      Date.now(),
    );
  }

  #refused(app: App, reason: string): RekeyError {
    return new RekeyError('KR_HOST_REFUSED', `${this.context.name}: ${app.name}: ${reason}`);
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

/**
 * State names are assumed, [A]. A name that we do not know is never taken for "stopped" or
 * "running".
 */
function stateOf(app: App): RunState {
  const instances = app.instances ?? null;
  switch (app.status?.toUpperCase()) {
    case 'DEPLOYED':
      return instances === null ||
        (instances.length > 0 && instances.every((i) => (i.state ?? 'running').toLowerCase() === 'running'))
        ? 'running'
        : 'starting';
    case 'UNDEPLOYED':
      return 'stopped';
    case 'DEPLOYING':
      return 'starting';
    case 'UNDEPLOYING':
      return 'stopping';
    default:
      return 'failing';
  }
}

/**
 * Which secret an app holds is shown nowhere. But it reads it at the start only, and gives up when
 * it is refused: one that runs, and started after the key's secret was last changed, both by SOAR's
 * clock, was let in with the present one. Without both times nothing is claimed.
 */
function instancesOf(app: App, state: RunState, known: readonly KnownKey[]): readonly InstanceSeen[] {
  const shown = app.instances ?? (state === 'running' ? [{ pod: app.name, state: null, started_time: null }] : []);
  const handles = handlesOf(app);
  const [key = null, another] = known.filter(({ handle }) => handles.includes(handle));
  return shown.map(({ pod, state: own, started_time }) => {
    // An app of which one part is on each of two keys is on neither.
    const current =
      key !== null &&
      !another &&
      key.secretChangedAt !== null &&
      typeof started_time === 'number' &&
      started_time > key.secretChangedAt;
    const generation = current && (own ?? 'running').toLowerCase() === 'running' ? key.generation : null;
    return { id: pod, generation, evidence: generation === null ? ('none' as const) : ('rolled-out' as const) };
  });
}

const partsOf = (app: App): readonly Part[] => app.current_installation?.executables ?? [];

/** The keys that the parts of an app use, each once. */
const handlesOf = (app: App): readonly string[] => [...new Set(partsOf(app).flatMap((part) => part.apikey_handle ?? []))];

function describe(app: App, exit: number | null): string {
  const parts = [`App Host calls it ${app.status ?? 'nothing'}`];
  if (app.restarts) parts.push(`${app.restarts} restarts`);
  if (exit !== null) parts.push(exit === exitOnRefusedLogin ? `exit code ${exit}: its login was refused` : `exit code ${exit}`);
  return parts.join(', ');
}
