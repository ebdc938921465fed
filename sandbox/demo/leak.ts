/**
 * Owns the part of a leak: keys are found in a made-up report, rekey answers for them, and what it
 * says is held against what the vendors saw.
 */
import type { IncidentLine, Ready, Rekey } from './rekey.js';
import { type KeyShown, keysOf, type Seen, watchTraffic } from './watch.js';

export type Way = 'rotate' | 'contain';

export interface Leaked extends Seen {
  readonly credential: string;
  readonly outcome: string | null;
  /** From the report until every endpoint refused it. */
  readonly deadAfterMs: number | null;
}

export interface Answered {
  readonly incident: IncidentLine;
  readonly keys: readonly Leaked[];
  /** What broke a promise, in words. */
  readonly broken: readonly string[];
}

const vendorOf = (credential: string): string => credential.split('/')[0]!;

/**
 * The served keys of these credentials leak, and are answered for. One whose secret rekey never saw
 * cannot be found by its value, and is named as a person would.
 */
export async function leakAndAnswer(rekey: Rekey, ready: Ready, credentials: readonly string[], way: Way): Promise<Answered> {
  const before = await keysOf(ready);
  const served = await rekey.query<{ credential: string; key_id: string; in_vault: boolean }>(
    `select credential, key_id, in_vault from key_status where state = 'active'`,
  );
  const ours = served.filter(({ credential }) => credentials.includes(credential));
  const leaked = ours.map((key) => ({ ...key, shown: shownAs(before, key) }));
  const watches = await Promise.all(credentials.map((credential) => watchTraffic(ready, vendorOf(credential))));
  const incident = await rekey.openIncident({
    way,
    report: JSON.stringify(leaked.filter((key) => key.in_vault).map(({ shown }) => ({ RuleID: 'made-up', Secret: shown.value }))),
    named: leaked.filter((key) => !key.in_vault).map(({ credential }) => credential),
  });
  const keys = await Promise.all(
    credentials.map(async (credential, index): Promise<Leaked> => {
      const answer = incident.keys.find((key) => key.credential === credential);
      const deadAfterMs = answer?.deadAt ? Date.parse(answer.deadAt) - Date.parse(answer.reportedAt) : null;
      return { credential, outcome: answer?.outcome ?? null, deadAfterMs, ...(await watches[index]!()) };
    }),
  );
  return { incident, keys, broken: brokenIn(way, keys, leaked, before, await keysOf(ready)) };
}

function shownAs(
  keys: readonly KeyShown[],
  { credential, key_id }: { readonly credential: string; readonly key_id: string },
): KeyShown {
  const found = keys.find(({ vendor, id }) => vendor === vendorOf(credential) && id === key_id);
  if (!found) throw new Error(`the key of ${credential} is not at its vendor`);
  return found;
}

function brokenIn(
  way: Way,
  keys: readonly Leaked[],
  leaked: readonly { readonly credential: string; readonly in_vault: boolean; readonly shown: KeyShown }[],
  before: readonly KeyShown[],
  after: readonly KeyShown[],
): readonly string[] {
  // Of a key that was changed in place there are two, of one id.
  const now = ({ vendor, value }: KeyShown) => after.find((key) => key.vendor === vendor && key.value === value);
  const others = before.filter((key) => !leaked.some(({ shown }) => shown === key));
  return [
    ...keys.flatMap(({ credential, outcome, refused, failedLogins }) => [
      outcome !== 'done' && `${credential} is ${outcome ?? 'still open'}`,
      way === 'rotate' && refused > 0 && `${credential}: ${refused} requests were refused`,
      failedLogins > 0 && `${credential}: ${failedLogins} logins failed`,
    ]),
    ...leaked.map(({ credential, shown }) => {
      // In place the key lives on, with another secret.
      const left = after.find(({ vendor, value, state }) => vendor === shown.vendor && value === shown.value && state === 'live');
      return left !== undefined && `the leaked key of ${credential} is alive`;
    }),
    ...others.map((key) => now(key)?.state !== key.state && `${key.name} of ${key.vendor} was touched`),
  ].filter((line) => line !== false);
}
