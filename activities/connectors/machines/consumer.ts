/**
 * Owns what rekey.yaml may say about a program that takes its key from a file on a machine,
 * wherever that machine stands. It talks to nobody.
 */
import path from 'node:path';
import { z } from 'zod';
import { duration } from '../http/settings.js';

const formats = ['yaml', 'json', 'ini', 'datadog-conf', 'dotenv', 'whole'] as const;
export type FormatName = (typeof formats)[number];

/**
 * Which process the program is: by its name, the file that holds its number, or the systemd unit
 * whose main process it is.
 */
export type NamedProcess = { readonly name: string } | { readonly pidFile: string } | { readonly unit: string };

/**
 * The first three ask a program to read its configuration again; TERM ends it, and what supervises
 * it starts it anew.
 */
const signals = ['HUP', 'USR1', 'USR2', 'TERM'] as const;
export type SignalName = (typeof signals)[number];

/**
 * How a program shows which key it has loaded: its last characters, as Datadog's agent does, or
 * rekey's fingerprint.
 */
export type Shows = 'last4' | 'fingerprint';

type Confirm =
  | { readonly last4: string }
  | { readonly fingerprint: string }
  | { readonly http: string; readonly shows: Shows }
  | { readonly started: string };

export interface MachineConsumer {
  readonly file: string;
  readonly format: FormatName;
  /** Absent where the whole file is the key. */
  readonly at?: string | undefined;
  readonly process?: NamedProcess | undefined;
  readonly apply?: string | undefined;
  readonly signal?: SignalName | undefined;
  readonly confirm?: Confirm | undefined;
}

export interface MachineTiming {
  readonly request: number;
  readonly settle: number;
}

/** `timing:` of a host; what is left out is the host's own. */
export const machineTiming = (own: MachineTiming) =>
  z
    .strictObject({ request: duration.optional(), settle: duration.optional() })
    .default({})
    .transform(({ request, settle }): MachineTiming => ({ request: request ?? own.request, settle: settle ?? own.settle }));

const command = z.string().trim().min(1);
const absolute = z.string().refine((text) => path.posix.isAbsolute(text) && !/[\0\r\n]/.test(text), 'expected an absolute path');
const word = z.string().regex(/^[\w@.:\\-]+$/, 'expected a name without spaces');
/** The kernel keeps 15 characters of a process's name. */
const processName = z.string().regex(/^[^\s/()]{1,64}$/, 'expected the name of a process, without its folder');
const webAddress = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'expected an address such as http://127.0.0.1:8080/status',
  );

export const consumerFields = {
  file: absolute,
  format: z.enum(formats),
  at: z.string().min(1).optional(),
  process: z
    .union([z.strictObject({ name: processName }), z.strictObject({ pidFile: absolute }), z.strictObject({ unit: word })])
    .optional(),
  apply: command.optional(),
  signal: z.enum(signals).optional(),
  confirm: z
    .union([
      z.strictObject({ last4: command }),
      z.strictObject({ fingerprint: command }),
      z.strictObject({ http: webAddress, shows: z.enum(['last4', 'fingerprint']) }),
      z.strictObject({ started: command }),
    ])
    .optional(),
};

/** What must agree between the fields. */
export function agree(consumer: MachineConsumer, context: z.RefinementCtx): void {
  const report = (key: keyof MachineConsumer, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  if (consumer.format === 'whole' && consumer.at !== undefined) report('at', 'the whole file is the key; expected it left out');
  if (consumer.format !== 'whole' && consumer.at === undefined) report('at', 'is missing; expected the place in the file');
  if (consumer.signal === undefined) return;
  if (consumer.apply !== undefined) report('signal', 'the program is reloaded by `apply` already; expected one of both');
  if (consumer.process === undefined) report('process', 'is missing; expected the process that gets the signal');
  // Such a program stays the same process, so that its start says nothing about which key it holds.
  const showsKey = consumer.confirm !== undefined && !('started' in consumer.confirm);
  if (consumer.signal !== 'TERM' && !showsKey)
    report('confirm', 'a program that reloads keeps its start; expected `last4`, `fingerprint` or `http`');
}

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const machineConsumer: z.ZodType<MachineConsumer> = z.strictObject(consumerFields).superRefine(agree);
