/**
 * Owns programs with their key in a file as an app host: the same on every machine, whichever way
 * that is reached.
 */
import type { ConsumerSpec } from '../../../workflows/domain/credential.js';
import { RekeyError } from '../../../workflows/domain/errors.js';
import type { Inspection } from '../../../workflows/domain/observations.js';
import type { AppHost, AppHostCapabilities, Delivery, KnownVersion } from '../../ports/app-host.js';
import { within } from '../../ports/deadline.js';
import type { Secret } from '../../ports/secret.js';
import { type Asked, confirmShown, outcome } from './confirm.js';
import type { MachineConsumer, MachineTiming } from './consumer.js';
import { CommandEnded, type Machine } from './machine.js';
import { signalProcess } from './processes.js';
import { type Held, readSource, writeSource } from './source.js';

/** What differs between one way of reaching machines and another. */
export interface Reach<Consumer extends MachineConsumer> {
  readonly kind: string;
  readonly timing: MachineTiming;
  readonly userAgent: string;
  identity(): Promise<string>;
  /** Where consumers are on machines of their own: by what the one of this consumer is known. */
  identityOf?(consumer: Consumer, signal: AbortSignal): Promise<string>;
  parse(settings: unknown): Consumer;
  machineOf(consumer: Consumer): Machine;
}

export class MachineHost<Consumer extends MachineConsumer> implements AppHost {
  readonly kind: string;
  readonly capabilities: AppHostCapabilities;
  readonly identityOf?: NonNullable<AppHost['identityOf']>;

  constructor(private readonly reach: Reach<Consumer>) {
    this.kind = reach.kind;
    if (reach.identityOf)
      this.identityOf = async (spec, signal) => reach.identityOf!(reach.parse(spec.settings), this.#deadline(signal));
    this.capabilities = {
      remembersFence: true,
      showsSource: true,
      deploys: false,
      readsSecret: true,
      timing: reach.timing,
      assumptions: [],
    };
  }

  identity(): Promise<string> {
    return this.reach.identity();
  }

  async inspect(spec: ConsumerSpec, known: readonly KnownVersion[], signal: AbortSignal): Promise<Inspection> {
    const consumer = this.reach.parse(spec.settings);
    const machine = this.reach.machineOf(consumer);
    const bounded = this.#deadline(signal);
    const found = await lookAtSource(machine, consumer, bounded);
    const base = { consumer: spec.name, showsSource: true, authenticationFailed: false };
    const failing = (source: number | null, detail: string): Inspection => ({
      ...base,
      source,
      state: 'failing',
      instances: [],
      healthy: false,
      detail,
    });
    if ('problem' in found) return failing(null, found.problem);

    const held = found.secret;
    const source = known.find(({ secret }) => secret !== null && held !== null && secret.equals(held))?.generation ?? null;
    const asked: Asked = {
      known,
      source: { generation: source, ...found.seen },
      secrets: [...known.flatMap(({ secret }) => secret ?? []), ...(held ? [held] : [])],
      env: this.#environment(spec),
      userAgent: this.reach.userAgent,
    };
    const shown = await confirmShown(machine, consumer, asked, bounded);
    if (shown !== null && 'problem' in shown) return failing(source, shown.problem);

    const instances = shown?.instances ?? [];
    const stopped = shown !== null && instances.length === 0;
    const detail =
      shown === null ? 'neither `process` nor `confirm` is declared, so nothing shows what runs' : 'no instance runs';
    return {
      ...base,
      source,
      state: stopped ? 'stopped' : 'running',
      instances,
      healthy: true,
      detail: instances.length > 0 ? '' : detail,
    };
  }

  async deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const consumer = this.reach.parse(delivery.consumer.settings);
    await writeSource(this.reach.machineOf(consumer), consumer, delivery, this.#deadline(signal));
  }

  async apply(spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const consumer = this.reach.parse(spec.settings);
    const machine = this.reach.machineOf(consumer);
    const bounded = this.#deadline(signal);
    if (bounded.aborted)
      throw new RekeyError('KR_HOST_UNAVAILABLE', `${spec.name}: no time was left to reload it; nothing was done`);
    if (consumer.signal !== undefined) await signalProcess(machine, consumer.process!, consumer.signal, bounded);
    if (consumer.apply !== undefined) await this.#command(machine, consumer.apply, spec, bounded);
  }

  async readSecret(spec: ConsumerSpec, signal: AbortSignal): Promise<Secret | null> {
    const consumer = this.reach.parse(spec.settings);
    return (await readSource(this.reach.machineOf(consumer), consumer, this.#deadline(signal))).secret;
  }

  async #command(machine: Machine, script: string, spec: ConsumerSpec, signal: AbortSignal): Promise<void> {
    const result = await machine.run({ script, env: this.#environment(spec) }, signal).catch((error: unknown) => {
      if (error instanceof CommandEnded)
        throw new RekeyError('KR_HOST_UNCLEAR', `the apply command of ${spec.name} was ${error.message}`);
      throw error;
    });
    if (result.exitCode === 0) return;
    // The shell's own codes for a command that it cannot find or may not run: nothing happened, and
    // nothing will the next time.
    const neverRan = result.exitCode === 127 || result.exitCode === 126;
    throw new RekeyError(
      neverRan ? 'KR_HOST_REFUSED' : 'KR_HOST_UNCLEAR',
      `the apply command of ${spec.name} ${outcome(result, [])}`,
    );
  }

  #environment(spec: ConsumerSpec): Record<string, string> {
    return { REKEY_USER_AGENT: this.reach.userAgent, REKEY_CONSUMER: spec.name };
  }

  #deadline(signal: AbortSignal): AbortSignal {
    return within(signal, this.reach.timing.request);
  }
}

/** What the source holds. A file or place that is not there is an answer about the consumer. */
async function lookAtSource(
  machine: Machine,
  consumer: MachineConsumer,
  signal: AbortSignal,
): Promise<Held | { readonly problem: string }> {
  try {
    return await readSource(machine, consumer, signal);
  } catch (error) {
    if (error instanceof RekeyError && error.code === 'KR_HOST_REFUSED') return { problem: error.detail };
    throw error;
  }
}
