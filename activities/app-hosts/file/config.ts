/** Owns what rekey.yaml may say about programs on the worker's own machine that take their key from a file. */
import path from 'node:path';
import { z } from 'zod';
import { duration } from '../../http/settings.js';
import type { HostConfig } from '../../ports/connector.js';

export interface FileHostSettings {
  /** The machine's name in the ledger; needed where neither machine id nor host name stays the same, as in a container. */
  readonly identity: string | null;
  readonly timing: { readonly request: number; readonly settle: number };
}

/** A restart may take a while. What a killed command had already asked of an init system can land a little later. */
const ownTiming = { request: 60_000, settle: 5_000 };

const settings: z.ZodType<FileHostSettings> = z
  .strictObject({
    identity: z.string().min(1).optional(),
    timing: z.strictObject({ request: duration.optional(), settle: duration.optional() }).default({}),
  })
  .transform(({ identity, timing }) => ({
    identity: identity ?? null,
    timing: { request: timing.request ?? ownTiming.request, settle: timing.settle ?? ownTiming.settle },
  }));

export const formats = ['yaml', 'datadog-conf', 'dotenv'] as const;
export type FormatName = (typeof formats)[number];

/** How a program shows which key it has loaded: its last characters, as Datadog's agent does, or rekey's fingerprint. */
export type ConfirmCommand = { readonly last4: string } | { readonly fingerprint: string };

export interface FileConsumer {
  readonly file: string;
  readonly format: FormatName;
  readonly at: string;
  readonly apply?: string | undefined;
  readonly confirm?: ConfirmCommand | undefined;
}

const command = z.string().trim().min(1);

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const consumer: z.ZodType<FileConsumer> = z.strictObject({
  file: z.string().refine(path.isAbsolute, 'expected an absolute path'),
  format: z.enum(formats),
  at: z.string().min(1),
  apply: command.optional(),
  confirm: z.union([z.strictObject({ last4: command }), z.strictObject({ fingerprint: command })]).optional(),
});

export const config: HostConfig<FileHostSettings> = { kind: 'file', settings, consumer, findsConsumers: false };
