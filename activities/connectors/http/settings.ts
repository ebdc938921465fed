/** Owns the pieces of rekey.yaml that all connectors over HTTP share. It talks to nobody. */
import { z } from 'zod';
import { duration } from '../../ports/duration.js';

export { duration };

/**
 * An address to which management credentials are sent: no credentials in it, no query, nothing that
 * a proxy would log.
 */
export const baseUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    context.addIssue({ code: 'custom', message: 'expected an address such as https://api.example.com' });
  else if (url.username || url.password)
    context.addIssue({ code: 'custom', message: 'an address must not hold a user or a password' });
  else if (url.search || url.hash)
    context.addIssue({ code: 'custom', message: 'an address must not hold a query or a fragment' });
});

/** Whether a secret sent there could be read on the way. */
export function isOpenToReaders(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

export interface Timing {
  readonly request: number;
  readonly settle: number;
  readonly propagation: number;
  readonly lastUsedLag: number;
}

export const timing = z
  .strictObject({
    request: duration.optional(),
    settle: duration.optional(),
    propagation: duration.optional(),
    lastUsedLag: duration.optional(),
  })
  .default({});

/**
 * The names of the times that are set below the connector's own: a shorter one may call a request
 * settled that is still under way.
 */
export function shortened(given: Partial<Record<keyof Timing, number | undefined>>, own: Timing): string[] {
  return (Object.keys(own) as (keyof Timing)[]).filter((name) => (given[name] ?? own[name]) < own[name]);
}

export function withDefaults(given: Partial<Record<keyof Timing, number | undefined>>, own: Timing): Timing {
  return {
    request: given.request ?? own.request,
    settle: given.settle ?? own.settle,
    propagation: given.propagation ?? own.propagation,
    lastUsedLag: given.lastUsedLag ?? own.lastUsedLag,
  };
}

/** What is taken on by the names that every connector over HTTP knows. */
export const commonAssumptions = {
  'short-timing': 'A time of the connector is set lower than what its vendor may need.',
  'plain-http': 'Management credentials travel without encryption.',
} as const;

/**
 * Complains about a secret that could be read on its way and about times below the connector's own,
 * unless the store accepts that by name.
 */
export function requireAccepted(
  context: z.RefinementCtx,
  given: { readonly accept: readonly string[]; readonly timing: Partial<Record<keyof Timing, number | undefined>> },
  vendor: { readonly name: string; readonly timing: Timing; readonly addresses: readonly string[] },
): void {
  const complain = (path: string, message: string): void => void context.addIssue({ code: 'custom', path: [path], message });
  const open = vendor.addresses.find(isOpenToReaders);
  if (open !== undefined && !given.accept.includes('plain-http')) {
    const where = vendor.addresses.length > 1 ? ` to ${open}` : '';
    complain('url', `keys would travel in clear text${where}; use https, or list plain-http under \`accept:\``);
  }
  if (given.accept.includes('short-timing')) return;
  for (const name of shortened(given.timing, vendor.timing))
    complain('timing', `${name} is lower than ${vendor.name} may need; list short-timing under \`accept:\` to say so`);
}
