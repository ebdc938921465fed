/**
 * Owns what rekey.yaml may say about programs that only a person can change. It talks to nobody.
 */
import path from 'node:path';
import { z } from 'zod';
import type { HostConfig } from '../../../ports/connector.js';
import { duration } from '../../http/settings.js';

export interface ManualSettings {
  /** Where keys lie until a person has put them into their programs. */
  readonly folder: string;
  readonly identity: string | null;
  readonly timing: { readonly request: number; readonly settle: number };
}

const folder = z.string().refine((text) => path.isAbsolute(text) && !text.includes('\0'), 'expected an absolute path');

/** Files of this machine, nothing else. */
const ownTiming = { request: 10_000, settle: 1_000 };

const settings: z.ZodType<ManualSettings> = z
  .strictObject({
    folder,
    identity: z.string().min(1).optional(),
    timing: z.strictObject({ request: duration.optional(), settle: duration.optional() }).default({}),
  })
  .transform(({ identity, timing, ...rest }) => ({
    ...rest,
    identity: identity ?? null,
    timing: { request: timing.request ?? ownTiming.request, settle: timing.settle ?? ownTiming.settle },
  }));

export interface ManualConsumer {
  /** In place of the host's. */
  readonly folder?: string | undefined;
  /** The name of the file; the program's where nothing is said. */
  readonly file?: string | undefined;
  /** The program shows rekey's fingerprint of its key, so the person is asked for it. */
  readonly shows?: 'fingerprint' | undefined;
  /** What the person does, a line for each step. */
  readonly steps?: readonly string[] | undefined;
}

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const consumer: z.ZodType<ManualConsumer> = z.strictObject({
  folder: folder.optional(),
  file: z
    .string()
    .regex(/^[\w-][\w.-]{0,99}$/, 'expected the name of a file, without its folder')
    .optional(),
  shows: z.literal('fingerprint').optional(),
  steps: z.array(z.string().trim().min(1)).optional(),
});

export const config: HostConfig<ManualSettings> = { kind: 'manual', settings, consumer, findsConsumers: false };
