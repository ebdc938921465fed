/**
 * Owns what rekey.yaml may say about programs on machines that are reached by SSH. It talks to
 * nobody.
 */
import path from 'node:path';
import { z } from 'zod';
import type { HostConfig, Reference } from '../../../ports/connector.js';
import { agree, consumerFields, type MachineConsumer, type MachineTiming, machineTiming } from '../../machines/consumer.js';

export interface SshSettings {
  readonly user: string;
  /** A private key; null: the agent of the worker's account (SSH_AUTH_SOCK) has it. */
  readonly management: { readonly privateKey: Reference; readonly passphrase?: Reference | undefined } | null;
  /** Null: that of the worker's account. */
  readonly knownHosts: string | null;
  /** Whether files, processes and signals are the root user's business there. */
  readonly sudo: boolean;
  /** How much is done at once, on all machines together. */
  readonly parallel: number;
  readonly timing: MachineTiming;
}

/**
 * A command of which we lost sight is ended by its own machine, at the latest when as much time has
 * passed again.
 */
const ownTiming = { request: 60_000, settle: 65_000 };

const settings: z.ZodType<SshSettings> = z
  .strictObject({
    user: z.string().regex(/^[\w.][\w.@-]*$/, 'expected the name of an account'),
    management: z.strictObject({ privateKey: z.string(), passphrase: z.string().optional() }).optional(),
    agent: z.literal(true).optional(),
    knownHosts: z.string().refine(path.isAbsolute, 'expected an absolute path').optional(),
    sudo: z.boolean().default(false),
    parallel: z.int().min(1).max(100).default(8),
    timing: machineTiming(ownTiming),
  })
  .superRefine(({ management, agent }, context) => {
    if ((management === undefined) === (agent === undefined))
      context.addIssue({ code: 'custom', path: ['management'], message: 'expected either a private key, or `agent: true`' });
  })
  .transform(({ management, agent: _, knownHosts, ...rest }) => ({
    ...rest,
    management: management ?? null,
    knownHosts: knownHosts ?? null,
  }));

export interface SshConsumer extends MachineConsumer {
  /** `host`, `host:port`, `[address]:port`. */
  readonly address: string;
  /** The machine's host key, pinned as `SHA256:…`, in place of what known_hosts says. */
  readonly hostKey?: string | undefined;
}

const address = z
  .string()
  .regex(/^([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?$/, 'expected "host", "host:port" or "[address]:port"')
  .refine((text) => Number(/:(\d+)$/.exec(text.replace(/^\[.*?\]/, ''))?.[1] ?? 22) <= 65_535, 'expected a port up to 65535');

/** It changes nothing that it parses, so that a consumer can be parsed anew wherever it is used. */
export const consumer: z.ZodType<SshConsumer> = z
  .strictObject({
    address,
    hostKey: z
      .string()
      .regex(/^SHA256:[\w+/]{43}$/, 'expected a fingerprint as `ssh-keygen -lf` shows it, SHA256:…')
      .optional(),
    ...consumerFields,
  })
  .superRefine(agree);

export const config: HostConfig<SshSettings> = { kind: 'ssh', settings, consumer, findsConsumers: false };
