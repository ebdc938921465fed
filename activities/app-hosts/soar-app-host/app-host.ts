/** Owns an App Host of IBM QRadar SOAR: apps that read their secrets at the start only, and are stopped and started for a new one. */
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Inspection, InstanceSeen, RunState } from '../../../workflows/domain/observations.js';
import { hostFaults } from '../../http/faults.js';
import { type App, SoarClient } from '../../key-stores/soar/client.js';
import { type SoarSettings, unpublishedCalls } from '../../key-stores/soar/config.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../ports/app-host.js';
import type { AppHostConnector, ConnectorContext } from '../../ports/connector.js';
import { AppsClient } from './client.js';
import { config, consumer } from './config.js';
import { exitOnRefusedLogin } from './errors.js';
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
      assumptions: Object.keys(unpublishedCalls).filter((name) => name === 'soar-deploy-call' || name === 'soar-secrets-call'),
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
    return {
      ...seen,
      state,
      instances: instancesOf(app, state, await this.#keys(known, signal)),
      // Stopped on purpose is not ill: rekey stops apps itself, and starts none that did not run.
      healthy: state === 'running' || state === 'stopped',
      authenticationFailed: state === 'failing' && exit === exitOnRefusedLogin,
      detail: state === 'running' || state === 'stopped' ? '' : describe(app, exit),
    };
  }

  async deliver({ consumer: spec, version }: Delivery, signal: AbortSignal): Promise<void> {
    const settings = consumer.parse(spec.settings);
    const app = await this.#existing(spec, signal);
    for (const name of settings.secret ? [settings.secret] : await this.#secretNames(app, version.keyId, signal)) {
      await this.#apps.writeSecret(app, name, version.secret, signal);
    }
  }

  /** Apps read their secrets at the start only, so a hand-out to a running one is a restart. App Host itself starts the app again where it was running. */
  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const app = await this.#existing(spec, signal);
    const state = stateOf(app);
    if (state === 'stopped' || state === 'stopping') return;
    throw new RekeyError(
      'KR_HOST_REFUSED',
      `${this.context.name}: ${app.name} takes a new secret only when it is undeployed and deployed again`,
    );
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

  async #secretNames(app: App, keyId: string, signal: AbortSignal): Promise<readonly string[]> {
    const found = await this.#soar.get(keyId, signal);
    if (!found) throw new RekeyError('KR_HOST_REFUSED', `${this.context.name}: there is no key ${keyId}`);
    const names = secretNames(app, this.#soar.clientIdOf(found.key));
    if (names.ok) return names.names;
    throw new RekeyError(
      'KR_HOST_REFUSED',
      `${this.context.name}: ${app.name}: ${names.reason}; say under which name it is kept with \`secret:\` of the consumer`,
    );
  }

  /** Versions that share a key are told apart by their time only, and only the newest can be right. */
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

/** State names are assumed, [A]. A name that we do not know is never taken for "stopped" or "running". */
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
 * Which secret an app holds is shown nowhere. But it reads it at the start only, and gives up when it is refused: one that runs, and started after
 * the key's secret was last changed, both by SOAR's clock, was let in with the present one. Without both times nothing is claimed.
 */
function instancesOf(app: App, state: RunState, known: readonly KnownKey[]): readonly InstanceSeen[] {
  const shown = app.instances ?? (state === 'running' ? [{ pod: app.name, state: null, started_time: null }] : []);
  const handles = (app.current_installation?.executables ?? []).flatMap((e) => e.apikey_handle ?? []);
  const key = known.find(({ handle }) => handles.includes(handle)) ?? null;
  return shown.map(({ pod, state: own, started_time }) => {
    const current =
      key !== null && key.secretChangedAt !== null && typeof started_time === 'number' && started_time > key.secretChangedAt;
    const generation = current && (own ?? 'running').toLowerCase() === 'running' ? key.generation : null;
    return { id: pod, generation, evidence: generation === null ? ('none' as const) : ('rolled-out' as const) };
  });
}

function describe(app: App, exit: number | null): string {
  const parts = [`App Host calls it ${app.status ?? 'nothing'}`];
  if (app.restarts) parts.push(`${app.restarts} restarts`);
  if (exit !== null) parts.push(exit === exitOnRefusedLogin ? `exit code ${exit}: its login was refused` : `exit code ${exit}`);
  return parts.join(', ');
}
