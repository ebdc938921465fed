/**
 * Owns what must hold after any fault: the promises, read from the vendors and the ledger, never
 * from what rekey says of itself.
 */
import { expect } from 'vitest';
import type { KeyShown, Lane, RunShown } from './lane.js';

const liveOnes = (keys: readonly KeyShown[]) => keys.filter((k) => k.state === 'live');

/**
 * Refused 0, exactly one live key of ours, it is the one in the ledger, everyone on it, nothing
 * left open.
 */
export async function expectOverlapConverged(
  lane: Lane,
  rotation: RunShown,
  strangers: readonly string[],
  outcome = 'completed',
): Promise<void> {
  expect(rotation, JSON.stringify(rotation.waits_for ?? rotation.reason)).toMatchObject({ outcome });
  const traffic = (await lane.traffic()).filter((t) => t.vendor === 'datadog');
  expect(traffic.map((t) => `${t.app}: ${t.refused} refused, ${t.lost} lost`)).toEqual(
    traffic.map((t) => `${t.app}: 0 refused, 0 lost`),
  );
  expect(new Set(traffic.map((t) => t.fingerprint)).size).toBe(1);

  const ours = liveOnes(await lane.keys('datadog')).filter((k) => !strangers.includes(k.id));
  expect(ours).toHaveLength(1);
  const { rows } = await lane.database.query(
    `select key_id, fingerprint, state from versions where credential = 'datadog/agents' and state <> 'revoked'`,
  );
  expect(rows).toEqual([{ key_id: ours[0]!.id, fingerprint: traffic[0]!.fingerprint, state: 'active' }]);
  await expectNothingLeft(lane);
}

/** At most one failed login, no work lost, the apps run on the secret that the ledger has. */
export async function expectInPlaceConverged(lane: Lane, rotation: RunShown, outcome = 'completed'): Promise<void> {
  expect(rotation, JSON.stringify(rotation.waits_for ?? rotation.reason)).toMatchObject({ outcome });
  await lane.until('both apps to run', async () => {
    const { rows } = await lane.database.query(
      `select fingerprint from versions where credential = 'soar/enrichment' and state = 'active'`,
    );
    const wanted = (rows[0] as { fingerprint: string | null }).fingerprint;
    const traffic = (await lane.traffic()).filter((t) => ['enrichment', 'phishing'].includes(t.app));
    return traffic.length === 2 && traffic.every((t) => wanted === null || t.fingerprint === wanted);
  });
  const traffic = (await lane.traffic()).filter((t) => ['enrichment', 'phishing'].includes(t.app));
  expect(traffic.reduce((sum, t) => sum + t.failedLogins, 0)).toBeLessThanOrEqual(1);
  expect(traffic.map((t) => [t.app, t.lost])).toEqual(traffic.map((t) => [t.app, 0]));
  const { rows } = await lane.database.query(
    `select key_id, state from versions where credential = 'soar/enrichment' and state <> 'revoked'`,
  );
  expect(rows).toEqual([{ key_id: '17', state: 'active' }]);
  await expectNothingLeft(lane);
}

async function expectNothingLeft(lane: Lane): Promise<void> {
  expect((await lane.database.query('select consumer from leases where run is not null')).rows).toEqual([]);
  expect((await lane.database.query('select id from runs where outcome is null')).rows).toEqual([]);
  const strays = 'select ref from vault_secrets s where not exists (select 1 from versions v where v.secret_ref = s.ref)';
  expect((await lane.database.query(strays)).rows).toEqual([]);
}

/** Keys that belong to nobody here: they must be there afterwards as before. */
export async function strangersOf(lane: Lane): Promise<readonly string[]> {
  return liveOnes(await lane.keys('datadog'))
    .filter((k) => k.name !== 'agents')
    .map((k) => k.id);
}
