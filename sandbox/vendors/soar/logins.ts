/**
 * Owns who gets in: Basic authentication, the lock of an account, the expiry of a secret, and the
 * ban of an address. Every refusal is the same 401, and every one counts: IBM, "API key accounts",
 * "SOAR password policy and expire settings", "The IBM QRadar SOAR IP Ban Safety Mechanism
 * Explained".
 */
import type { FastifyRequest } from 'fastify';
import type { Durable } from '../../durable.js';
import { TIMING } from '../../timing.js';
import { Refused } from './refused.js';
import type { ApiKeyAccount, SoarState } from './state.js';

/**
 * IBM does not publish how many failed logins lock an account: assumed. That a login that works
 * starts the count anew is assumed too.
 */
const FAILURES_THAT_LOCK = 10;
const FAILURES_THAT_BAN = 100;
const BANS_UNTIL_PERMANENT = 5;

export class Logins {
  constructor(private readonly store: Durable<SoarState>) {}

  /**
   * The account whose id and secret the request carries. Each REST request is a login of its own.
   */
  account(request: FastifyRequest): ApiKeyAccount {
    if (this.#isBanned()) throw new Refused(401);
    const credentials = basic(request.headers.authorization);
    const account = this.store.value.accounts.find(({ clientId, deleted }) => clientId === credentials?.id && !deleted);
    if (!account || !credentials) throw this.#failed();
    if (Date.now() >= account.secretExpiresAt && !account.locked) {
      account.locked = true;
      this.store.save();
    }
    if (account.locked) throw this.#failed();
    const secret = account.secrets.at(-1)!;
    if (secret.value !== credentials.secret) {
      account.failedLogins += 1;
      account.locked = account.failedLogins >= FAILURES_THAT_LOCK;
      throw this.#failed();
    }
    account.failedLogins = 0;
    secret.lastUsedAt = Date.now();
    this.store.touch();
    return account;
  }

  unban(): void {
    this.store.value.ban = { failures: [], bans: 0, until: null };
    this.store.save();
  }

  #isBanned(): boolean {
    const { until } = this.store.value.ban;
    return until !== null && Date.now() < until;
  }

  /** Counts against the address too, so that one app with a stale secret can shut everybody out. */
  #failed(): Refused {
    const { ban } = this.store.value;
    const now = Date.now();
    ban.failures = [...ban.failures.filter((time) => time > now - TIMING.soar.banWindow), now];
    if (ban.failures.length >= FAILURES_THAT_BAN) {
      ban.bans += 1;
      ban.until = ban.bans > BANS_UNTIL_PERMANENT ? Number.MAX_SAFE_INTEGER : now + TIMING.soar.ban * ban.bans;
      ban.failures = [];
    }
    this.store.save();
    return new Refused(401);
  }
}

function basic(header: string | undefined): { id: string; secret: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/.exec(header ?? '')?.[1];
  const text = Buffer.from(encoded ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { id: text.slice(0, colon), secret: text.slice(colon + 1) };
}
