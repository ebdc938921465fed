/**
 * Owns the memory of refused logins: the same credential is not tried again for a while, since SOAR
 * locks accounts and bans addresses.
 */
import { RekeyError } from '../../../../workflows/domain/errors.js';
import { Secret } from '../../../ports/secret.js';

/**
 * IBM bans an address after 100 failed logins in an hour ("The IBM QRadar SOAR IP Ban Safety
 * Mechanism Explained"), and locks an account after fewer. At one try in this time, neither is
 * reached by all rotations of a worker together; a person who mended the account waits no longer.
 */
const pause = 60_000;

/** By address and credential, over all stores and hosts of this process that log in with it. */
const refusedAt = new Map<string, number>();

export class Logins {
  constructor(private readonly url: string) {}

  /** Throws if this very credential was refused a moment ago. */
  mayTry(id: Secret, secret: Secret, label: string): void {
    const key = this.#key(id, secret);
    const since = performance.now() - (refusedAt.get(key) ?? Number.NEGATIVE_INFINITY);
    if (since >= pause) refusedAt.delete(key);
    else {
      const ago = Math.round(since / 1000);
      throw new RekeyError(
        'KR_STORE_UNAUTHORIZED',
        `${label}: the management credential was refused ${ago} s ago; it is not tried again so soon, since SOAR locks accounts and bans addresses`,
      );
    }
  }

  wasRefused(id: Secret, secret: Secret): void {
    refusedAt.set(this.#key(id, secret), performance.now());
  }

  #key(id: Secret, secret: Secret): string {
    return `${this.url} ${new Secret(`${id.reveal()}:${secret.reveal()}`).fingerprint}`;
  }
}
