/** Owns one call of a customer's program to its portal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askPatiently, type Running } from '../../consumers/program.js';

/** Where a program finds its portal, and how often it calls. */
export interface Portal {
  readonly url: string;
  readonly every: number;
}

export interface PortalCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

/**
 * Who is told to wait does so, and calls again; what is refused otherwise is dropped, and the
 * portal has counted it.
 */
export async function callPortal(running: Running, portal: Portal, app: string, key: string, call: PortalCall): Promise<void> {
  const headers = { 'content-type': 'application/json', 'user-agent': `${app}/2.1`, authorization: `Bearer ${key}` };
  const body = call.body && JSON.stringify(call.body);
  for (;;) {
    const answer = await askPatiently(running, `${portal.url}${call.path}`, { method: call.method, headers }, body);
    if (answer?.status !== 429 || !running.wanted) return;
    await sleep(1000);
  }
}
