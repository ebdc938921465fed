/**
 * Owns programs that only a person can change: the key is laid out for that person, whose word is
 * what is known of the program.
 */
import { hostname, userInfo } from 'node:os';
import path from 'node:path';
import type { ConsumerSpec } from '../../../../workflows/domain/credential.js';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { Inspection } from '../../../../workflows/domain/observations.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion, Manual } from '../../../ports/app-host.js';
import type { AppHostConnector } from '../../../ports/connector.js';
import { ownIdentity } from '../../machines/identity.js';
import { raised } from '../../machines/memory.js';
import { config, consumer, type ManualConsumer, type ManualSettings } from './config.js';
import { HandOver, type Remembered } from './hand-over.js';

export const connector: AppHostConnector = {
  config,
  open: (settings) => new ManualHost(settings as ManualSettings),
};

class ManualHost implements AppHost {
  readonly kind = 'manual';
  readonly capabilities: AppHostCapabilities;
  readonly manual: Manual = {
    instructions: (spec, generation, staged) => this.#instructions(spec, generation, staged),
    take: (delivery, fingerprint, signal) => this.#take(delivery, fingerprint, signal),
    withdraw: (spec) => this.#open(spec).clear(),
  };

  constructor(private readonly settings: ManualSettings) {
    this.capabilities = {
      remembersFence: true,
      showsSource: false,
      deploys: false,
      readsSecret: false,
      timing: settings.timing,
      assumptions: [],
    };
  }

  async identity(): Promise<string> {
    return `${this.settings.identity ?? (await ownIdentity())}:${this.settings.folder}`;
  }

  async inspect(spec: ConsumerSpec, known: readonly KnownVersion[]): Promise<Inspection> {
    const base = { consumer: spec.name, source: null, showsSource: false, authenticationFailed: false };
    const handOver = this.#open(spec);
    let said: Remembered['said'];
    try {
      await handOver.check();
      ({ said } = await handOver.remembered());
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== 'KR_HOST_REFUSED') throw error;
      return { ...base, state: 'failing', instances: [], healthy: false, detail: error.detail };
    }
    const generation = known.find(({ secret }) => said !== null && secret?.fingerprint === said.fingerprint)?.generation ?? null;
    const evidence = generation === null ? 'none' : said?.shown ? 'uses' : 'rolled-out';
    const detail = said === null ? 'nobody has said which key it is on' : '';
    return { ...base, state: 'running', instances: [{ id: 'as said', generation, evidence }], healthy: true, detail };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { consumer: spec, version } = delivery;
    const handOver = this.#open(spec);
    await handOver.check();
    const { hands, said } = await this.#raised(handOver, delivery, signal);
    // Once it is laid out somebody may have put it in: from then on only a word tells, the one
    // about the key before it, too.
    const has = said?.fingerprint === version.secret.fingerprint;
    await handOver.remember({ hands, said: has ? said : null });
    if (!has) await handOver.lay(version.secret);
  }

  /** The person does it. */
  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    requireTime(spec, signal);
  }

  async #take(delivery: Delivery, fingerprint: string | null, signal: AbortSignal): Promise<string | null> {
    const { consumer: spec, version } = delivery;
    const { secret, generation } = version;
    if (fingerprint === null && settingsOf(spec).shows === 'fingerprint')
      return `${spec.name} shows the fingerprint of its key: say it with --fingerprint`;
    if (fingerprint !== null && fingerprint !== secret.fingerprint)
      return `this is not the fingerprint of generation ${generation}`;
    const handOver = this.#open(spec);
    await handOver.check();
    const { hands } = await this.#raised(handOver, delivery, signal);
    const lying = await handOver.key();
    if (lying && !lying.equals(secret)) {
      await handOver.remember({ hands, said: null });
      await handOver.lay(secret);
      return `another key lay in ${handOver.file}; generation ${generation} lies there now, put it in and say it again`;
    }
    await handOver.remember({ hands, said: { fingerprint: secret.fingerprint, shown: fingerprint !== null } });
    await handOver.clear();
    return null;
  }

  #instructions(spec: ConsumerSpec, generation: number, staged: boolean): readonly string[] {
    const { file } = this.#open(spec);
    const { steps, shows } = settingsOf(spec);
    const look = shows ? `Read the fingerprint that ${spec.name} shows.` : `Make sure that ${spec.name} is on that key.`;
    if (!staged) return [`Nobody has said yet that ${spec.name} is on generation ${generation}.`, look];
    return [
      `The key of generation ${generation} lies in ${file} on ${hostname()}, for ${userInfo().username} and root. Copy it from there, never onto a screen.`,
      ...(steps ?? [`Put it into ${spec.name}, and where new instances of it start from, and have it take it.`]),
      look,
    ];
  }

  /**
   * What is remembered, with this hand-out in it. Throws KR_HOST_FENCED because a newer one was
   * here.
   */
  async #raised(handOver: HandOver, delivery: Delivery, signal: AbortSignal): Promise<Remembered> {
    const { consumer: spec, version, fence } = delivery;
    requireTime(spec, signal);
    const { hands, said } = await handOver.remembered();
    return { hands: raised(hands, handOver.file, spec.name, fence, version.generation) ?? hands, said };
  }

  #open(spec: ConsumerSpec): HandOver {
    const { folder = this.settings.folder, file = spec.name } = settingsOf(spec);
    return new HandOver(folder, path.join(folder, file));
  }
}

function settingsOf(spec: ConsumerSpec): ManualConsumer {
  return consumer.parse(spec.settings);
}

function requireTime(spec: ConsumerSpec, signal: AbortSignal): void {
  if (signal.aborted) throw new RekeyError('KR_HOST_UNAVAILABLE', `${spec.name}: no time was left; nothing was changed`);
}
