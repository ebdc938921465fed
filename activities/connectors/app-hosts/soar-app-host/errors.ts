/** Owns how an app on App Host tells that its login was refused, and what may be behind it. */
import type { ApiKey } from '../../key-stores/soar/client.js';

/**
 * The exit code of an app whose REST call or login was answered 401 (resilient-python-api,
 * resilient_circuits/constants.py).
 */
export const exitOnRefusedLogin = 21;

/**
 * SOAR answers every refusal alike; its list of keys tells two of the causes apart, and what
 * remedies both (IBM, "Regenerating an API key"; "SOAR password policy and expire settings").
 */
export function whyRefused(keys: readonly ApiKey[], now: number): string {
  const expired = keys.find(({ secret_expiration_date: date }) => typeof date === 'number' && date <= now);
  if (expired) return `the secret of ${expired.display_name} has expired; rotate it in place, or regenerate it by hand`;
  const locked = keys.find((key) => key.locked);
  if (locked)
    return `${locked.display_name} is locked after too many failed logins; regenerating its secret unlocks it: rotate it in place`;
  return 'its secret is not the present one, or the address of App Host is banned (System Settings > Blocked IPs)';
}
