/**
 * Owns what rekey.yaml may say about programs on the worker's own machine that take their key from
 * a file.
 */
import { z } from 'zod';
import type { HostConfig } from '../../../ports/connector.js';
import { type MachineTiming, machineConsumer, machineTiming } from '../../machines/consumer.js';

export interface FileHostSettings {
  /**
   * The machine's name in the ledger; needed where neither machine id nor host name stays the same,
   * as in a container.
   */
  readonly identity: string | null;
  readonly timing: MachineTiming;
}

/**
 * A restart may take a while. What a killed command had already asked of an init system can land a
 * little later.
 */
const ownTiming = { request: 60_000, settle: 5_000 };

const settings: z.ZodType<FileHostSettings> = z
  .strictObject({ identity: z.string().min(1).optional(), timing: machineTiming(ownTiming) })
  .transform(({ identity, timing }) => ({ identity: identity ?? null, timing }));

export const config: HostConfig<FileHostSettings> = {
  kind: 'file',
  settings,
  consumer: machineConsumer,
  findsConsumers: false,
};
