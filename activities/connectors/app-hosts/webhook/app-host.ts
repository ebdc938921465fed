/**
 * Owns programs behind a receiver of signed webhooks: for everything that has an HTTP endpoint
 * and nothing else that rekey knows.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { ConsumerSpec } from '../../../../workflows/domain/credential.js';
import type { Inspection } from '../../../../workflows/domain/observations.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../../ports/app-host.js';
import type { AppHostConnector, ConnectorContext } from '../../../ports/connector.js';
import { scrub } from '../../http/scrub.js';
import { WebhookClient } from './client.js';
import { config, consumer, type WebhookSettings } from './config.js';

export const connector: AppHostConnector = {
  config,
  open: (settings, context) => new WebhookHost(settings as WebhookSettings, context),
};

class WebhookHost implements AppHost {
  readonly kind = 'webhook';
  readonly capabilities: AppHostCapabilities;
  readonly #client: WebhookClient;
  /**
   * The token of the last delivery to a program: reloading it twice for one delivery is asking for
   * the same thing.
   */
  readonly #delivered = new Map<string, string>();

  constructor(settings: WebhookSettings, context: ConnectorContext) {
    this.#client = new WebhookClient(settings, context);
    this.capabilities = {
      remembersFence: true,
      showsSource: true,
      deploys: false,
      readsSecret: false,
      timing: settings.timing,
      assumptions: [],
    };
  }

  identity(signal: AbortSignal): Promise<string> {
    return this.#client.identity(randomUUID(), signal);
  }

  async inspect(spec: ConsumerSpec, known: readonly KnownVersion[], signal: AbortSignal): Promise<Inspection> {
    const target = targetOf(spec);
    const shown = await this.#client.inspect(target, randomUUID(), signal);
    const base = { consumer: spec.name, showsSource: true };
    if (!shown) {
      const nothing = { source: null, instances: [], healthy: false, authenticationFailed: false };
      return { ...base, ...nothing, state: 'failing', detail: `the receiver knows no ${target}` };
    }
    const generationOf = (fingerprint: string | null): number | null =>
      known.find(({ secret }) => secret !== null && secret.fingerprint === fingerprint)?.generation ?? null;
    const secrets = known.flatMap(({ secret }) => secret ?? []);
    return {
      ...base,
      state: shown.state,
      source: generationOf(shown.source),
      instances: shown.instances.map(({ id, fingerprint, evidence }) => {
        const generation = generationOf(fingerprint);
        return { id: scrub(id, secrets), generation, evidence: generation === null ? 'none' : evidence };
      }),
      healthy: shown.healthy,
      authenticationFailed: shown.authenticationFailed,
      detail: scrub(shown.detail, secrets),
    };
  }

  async deliver({ consumer: spec, version, fence }: Delivery, signal: AbortSignal): Promise<void> {
    const target = targetOf(spec);
    const token = tokenOf('deliver', fence.ledgerId, target, fence.number, version.generation);
    const { generation, secret } = version;
    await this.#client.deliver(
      { consumer: target, ledger: fence.ledgerId, fence: fence.number, generation, secret },
      token,
      signal,
    );
    this.#delivered.set(target, token);
  }

  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const target = targetOf(spec);
    await this.#client.apply(target, tokenOf('apply', this.#delivered.get(target) ?? randomUUID()), signal);
  }
}

function targetOf(spec: ConsumerSpec): string {
  return consumer.parse(spec.settings).target ?? spec.name;
}

/**
 * The same for the same step, whoever repeats it: a fence is raised with each lease, and within one
 * lease a generation is delivered once.
 */
function tokenOf(...step: readonly (string | number)[]): string {
  return `rekey_${createHash('sha256').update(JSON.stringify(step)).digest('hex').slice(0, 32)}`;
}
