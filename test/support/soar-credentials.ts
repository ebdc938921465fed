/** Owns further credentials of the sandbox's SOAR: the keys of the app `ticketing`, one for each of its parts, rotated in either way. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Lane } from './lane.js';

export const ticketingKeys = { 'soar/ticketing': '23', 'soar/assets': '24' } as const;
export type TicketingKey = keyof typeof ticketingKeys;

/** Declares them. A rotation by overlap needs a way back, and so the secret that the key has now. */
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
