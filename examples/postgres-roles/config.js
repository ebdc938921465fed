// @ts-check
/** Owns what rekey.yaml may say about a PostgreSQL server and its login roles. */
import { shortened, timing, withDefaults, z } from 'rekey';

/**
 * @typedef {object} Settings
 * @property {string} address `postgres://host:port/database`, without user and password.
 * @property {readonly string[]} endpoints The endpoints at which a new role must be let in.
 * @property {string} group The role that holds the rights; every login role is a member of it.
 * @property {{ readonly user: string, readonly password: string }} management References.
 * @property {import('rekey').Timing} timing
 * @property {readonly string[]} accept
 */

/** A statement that was given up is ended by the server itself at the same deadline; standbys may lag behind. */
export const ownTiming = { request: 10_000, settle: 10_000, propagation: 30_000, lastUsedLag: 0 };

const assumptions = {
  'short-timing': 'A time is set lower than what the connector takes for safe.',
  'plain-connection': 'Connections to another machine are not encrypted, or do not check who answers.',
};

const address = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const complain = (/** @type {string} */ message) => context.addIssue({ code: 'custom', message });
  if (url?.protocol !== 'postgres:' || url.hostname === '' || url.pathname.length < 2)
    return complain('expected an address such as postgres://db.example.com:5432/orders');
  if (url.username || url.password) return complain('an address must not hold a user or a password');
  if ([...url.searchParams.keys()].some((name) => name !== 'sslmode' && name !== 'sslrootcert'))
    return complain('an address may hold `sslmode` and `sslrootcert`, and nothing else');
});

const isOwnMachine = (/** @type {string} */ text) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(text).hostname);
const isPlain = (/** @type {string} */ text) =>
  !isOwnMachine(text) && new URL(text).searchParams.get('sslmode') !== 'verify-full';

/** Names are quoted wherever they are used; these are the ones that a person can type without. */
const roleName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*$/, 'expected the name of a role, such as "orders_app"')
  .max(63);

export const settings = z
  .strictObject({
    address,
    endpoints: z.array(address).min(1).optional(),
    group: roleName,
    management: z.strictObject({ user: z.string().min(1), password: z.string().min(1) }),
    timing,
    accept: z.array(z.enum(/** @type {['short-timing', 'plain-connection']} */ (Object.keys(assumptions)))).default([]),
  })
  .transform((given, context) => {
    const complain = (/** @type {string} */ path, /** @type {string} */ message) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const endpoints = given.endpoints ?? [given.address];
    if ([given.address, ...endpoints].some(isPlain) && !given.accept.includes('plain-connection'))
      complain('address', 'expected `?sslmode=verify-full` behind it, or plain-connection under `accept:`');
    for (const name of shortened(given.timing, ownTiming))
      if (!given.accept.includes('short-timing'))
        complain('timing', `${name} is lower than what is safe; list short-timing under \`accept:\` to say so`);
    return { ...given, endpoints, timing: withDefaults(given.timing, ownTiming) };
  });

/** A tag of at most 30 characters comes behind the name, and a role's name has at most 63. */
export const attributes = z.strictObject({ name: roleName.max(32) });

/** @type {import('rekey').StoreConfig} */
export const config = { kind: 'postgres-roles', settings, attributes, strategies: ['overlap'], assumptions };
