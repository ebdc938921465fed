/** Owns programs on the worker's own machine as an app host: a file holds the key, commands restart the program and show what it runs on. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import { within } from '../../http/deadline.js';
import { scrub } from '../../http/scrub.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../ports/app-host.js';
import type { AppHostConnector, ConnectorContext } from '../../ports/connector.js';
import type { Secret } from '../../ports/secret.js';
import { CommandEnded, type CommandResult, runCommand } from './commands.js';
import { config, consumer, type FileConsumer, type FileHostSettings } from './config.js';
import { instancesByEnding, instancesByFingerprint } from './confirm.js';
import { readSource, writeSource } from './source.js';

export const connector: AppHostConnector = {
  config,
  open: (settings, context) => new FileHost(settings as FileHostSettings, context),
};

class FileHost implements AppHost {
  readonly kind = 'file';
  readonly capabilities: AppHostCapabilities;

  constructor(
    private readonly settings: FileHostSettings,
    private readonly context: ConnectorContext,
  ) {
    this.capabilities = {
      remembersFence: true,
      showsSource: true,
      deploys: false,
      readsSecret: true,
      timing: settings.timing,
      assumptions: [],
    };
  }

  /** systemd asks not to show a machine's id (machine-id(5)), so a hash of it stands for the machine. */
  async identity(): Promise<string> {
    if (this.settings.identity !== null) return this.settings.identity;
    const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
    return createHash('sha256')
      .update(`rekey:host:v1:${id.trim() || hostname()}`)
      .digest('hex')
      .slice(0, 16);
  }

  async inspect(spec: ConsumerSpec, known: readonly KnownVersion[], signal: AbortSignal): Promise<Inspection> {
    const settings = consumer.parse(spec.settings);
    const bounded = this.#deadline(signal);
    const found = await look(settings, bounded);
    const held = found.secret;
    const seen = {
      consumer: spec.name,
      showsSource: true,
      source: known.find(({ secret }) => secret !== null && held !== null && secret.equals(held))?.generation ?? null,
      authenticationFailed: false,
    };
    const { confirm } = settings;
    if (found.problem !== null) return { ...seen, state: 'failing', instances: [], healthy: false, detail: found.problem };
    if (!confirm)
      return {
        ...seen,
        state: 'running',
        instances: [],
        healthy: true,
        detail: 'no confirm command is declared, so nothing shows what runs',
      };

    const shown = await this.#run('last4' in confirm ? confirm.last4 : confirm.fingerprint, spec, bounded, 'KR_HOST_UNAVAILABLE');
    if (shown.exitCode !== 0) {
      const secrets = [...known.flatMap(({ secret }) => secret ?? []), ...(held ? [held] : [])];
      return {
        ...seen,
        state: 'failing',
        instances: [],
        healthy: false,
        detail: `the confirm command ${outcome(shown, secrets)}`,
      };
    }
    const instances = 'last4' in confirm ? instancesByEnding(shown.output, known) : instancesByFingerprint(shown.output, known);
    if (instances.length > 0) return { ...seen, state: 'running', instances, healthy: true, detail: '' };
    return { ...seen, state: 'stopped', instances, healthy: true, detail: 'the confirm command shows no instance' };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    await writeSource(consumer.parse(delivery.consumer.settings), delivery, this.#deadline(signal));
  }

  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const { apply } = consumer.parse(spec.settings);
    if (apply === undefined) return;
    const result = await this.#run(apply, spec, this.#deadline(signal), 'KR_HOST_UNCLEAR');
    if (result.exitCode === 0) return;
    // The shell's own codes for a command that it cannot find or may not run: nothing happened, and nothing will the next time.
    const neverRan = result.exitCode === 127 || result.exitCode === 126;
    throw new RekeyError(
      neverRan ? 'KR_HOST_REFUSED' : 'KR_HOST_UNCLEAR',
      `the apply command of ${spec.name} ${outcome(result, [])}`,
    );
  }

  async readSecret(spec: ConsumerSpec, signal: AbortSignal): Promise<Secret | null> {
    return readSource(consumer.parse(spec.settings), this.#deadline(signal));
  }

  async #run(
    command: string,
    spec: ConsumerSpec,
    signal: AbortSignal,
    ended: 'KR_HOST_UNAVAILABLE' | 'KR_HOST_UNCLEAR',
  ): Promise<CommandResult> {
    try {
      return await runCommand(command, { REKEY_USER_AGENT: this.context.userAgent, REKEY_CONSUMER: spec.name }, signal);
    } catch (error) {
      if (error instanceof CommandEnded) throw new RekeyError(ended, `a command of ${spec.name} was ${error.message}`);
      throw new RekeyError('KR_HOST_UNAVAILABLE', `a command of ${spec.name} could not be started`);
    }
  }

  #deadline(signal: AbortSignal): AbortSignal {
    return within(signal, this.settings.timing.request);
  }
}

/** What the source holds. A file or place that is not there is an answer about the consumer. */
async function look(settings: FileConsumer, signal: AbortSignal): Promise<{ secret: Secret | null; problem: string | null }> {
  try {
    return { secret: await readSource(settings, signal), problem: null };
  } catch (error) {
    if (error instanceof RekeyError && error.code === 'KR_HOST_REFUSED') return { secret: null, problem: error.detail };
    throw error;
  }
}

function outcome({ exitCode, output }: CommandResult, secrets: readonly Secret[]): string {
  const lastLine = scrub(output.trimEnd().split('\n').at(-1) ?? '', secrets);
  return `${exitCode === null ? 'was ended by a signal' : `ended with exit code ${exitCode}`}${lastLine === '' ? '' : `: ${lastLine}`}`;
}
