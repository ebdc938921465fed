/**
 * Owns what tests make of the sandbox's SOAR: further credentials, the keys of the app `ticketing`,
 * one for each of its parts; and what its operator does.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Lane } from './lane.js';

export const ticketingKeys = { 'soar/ticketing': '23', 'soar/assets': '24' } as const;
export type TicketingKey = keyof typeof ticketingKeys;

/**
 * Declares them. A rotation by overlap needs a way back, and so the secret that the key has now.
 */
export async function withTicketing(
  lane: Lane,
  text: string,
  strategies: Partial<Record<TicketingKey, 'in-place' | 'overlap'>>,
): Promise<string> {
  const keys = (await lane.keys('soar')).filter(({ state }) => state === 'live');
  const declared = Object.entries(strategies).map(([credential, strategy]) => {
    const id = ticketingKeys[credential as TicketingKey];
    const file = path.join(lane.folder, credential.replace('/', '-'));
    writeFileSync(file, keys.find((key) => key.id === id)!.value, { mode: 0o600 });
    const [secret, rest] =
      strategy === 'overlap'
        ? [
            `, secret: ${JSON.stringify(`file:${file}`)}`,
            'accept: [no-last-used, source-not-shown]\n    policy: { evidence: rolled-out }',
          ]
        : ['', 'policy: { downtime: 10s }'];
    return `
  ${credential}:
    store: soar
    strategy: ${strategy}
    current: { id: "${id}"${secret} }
    consumers: { host: apps, all: true }
    ${rest}`;
  });
  return text.replace('\ncredentials:', `\ncredentials:${declared.join('')}`);
}

/** Asks SOAR past rekey, as the operator of the sandbox's management key. */
export async function asOperator<Answer>(lane: Lane, method: 'GET' | 'PUT', route: string, body?: object): Promise<Answer> {
  const { rows } = await lane.database.query<{ url: string }>(
    `select document->'stores'->'soar'->'settings'->>'url' as url from configurations order by position desc limit 1`,
  );
  const secret = (name: string) => readFileSync(path.join(path.dirname(lane.config), 'secrets', name), 'utf8').trim();
  const authorization = `Basic ${Buffer.from(`${secret('soar-key-id')}:${secret('soar-key-secret')}`).toString('base64')}`;
  const answer = await fetch(`${rows[0]!.url}/rest/orgs/201/${route}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${route} was answered ${answer.status}`);
  return (await answer.json()) as Answer;
}
