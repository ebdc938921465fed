/**
 * Owns one request to Algolia as its clients make it: to one host after the other until one
 * answers, JSON as plain text.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ask, type Running } from '../../consumers/program.js';

/** Where a program of an Algolia customer finds its vendor, and how often it sends. */
export interface Addresses {
  readonly appId: string;
  /** The hosts for reads and those for writes, in the order in which they are tried. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly sendEvery: number;
  /** Milliseconds for which a secured key is handed out. */
  readonly securedFor: number;
}

/**
 * A refusal is an answer; a host that does not answer, or answers 5xx, is passed over
 * (`@algolia/client-common`, `createTransporter`).
 */
export async function send(
  running: Running,
  app: string,
  appId: string,
  hosts: readonly string[],
  key: string,
  path: string,
  body: object,
): Promise<Answer | undefined> {
  const headers = {
    'content-type': 'text/plain',
    'user-agent': 'node',
    'x-algolia-application-id': appId,
    'x-algolia-api-key': key,
    'x-algolia-agent': `Algolia for JavaScript (5.64.0); Search (5.64.0); ${app}`,
    referer: 'https://shop.example.com/search',
  };
  for (;;) {
    for (const host of hosts) {
      const answer = await ask(`${host}${path}`, { method: 'POST', headers }, JSON.stringify(body)).catch(() => undefined);
      if (answer && answer.status < 500) return answer;
    }
    if (!running.wanted) return undefined;
    await sleep(200);
  }
}
