/** Owns what rekey.yaml may say about an App Host of IBM QRadar SOAR and the apps on it. */
import { z } from 'zod';
import type { HostConfig } from '../../../ports/connector.js';

export interface SoarHostSettings {
  /**
   * The key store whose organisation the App Host belongs to; its address, credential, `calls:`,
   * `timing:` and `accept:` hold here, too.
   */
  readonly store: string;
}

const settings: z.ZodType<SoarHostSettings> = z.strictObject({ store: z.string().min(1) });

export interface SoarConsumer {
  readonly app: string;
  /**
   * The app secret that holds the key's secret; found from the app's configuration where it is not
   * said.
   */
  readonly secret?: string | undefined;
}

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const consumer: z.ZodType<SoarConsumer> = z.strictObject({ app: z.string().min(1), secret: z.string().min(1).optional() });

export const config: HostConfig<SoarHostSettings> = {
  kind: 'soar-app-host',
  settings,
  consumer,
  findsConsumers: true,
  storeKind: 'soar',
};
