/** Owns one request with metrics, as Datadog's agents and clients make it. */
import { askPatiently, type Running } from '../../consumers/program.js';

/** Where a program of a Datadog customer finds its vendor, and how often it sends. */
export interface Addresses {
  readonly api: string;
  readonly intake: string;
  readonly sendEvery: number;
}

export async function sendSeries(
  running: Running,
  addresses: Addresses,
  host: string,
  key: string,
  userAgent: string,
): Promise<void> {
  const point = { timestamp: Math.floor(Date.now() / 1000), value: process.memoryUsage.rss() };
  const series = [{ metric: 'process.rss', type: 3, points: [point], resources: [{ name: host, type: 'host' }] }];
  const headers = { 'content-type': 'application/json', 'user-agent': userAgent, 'dd-api-key': key };
  // A 403 needs no answer here: the payload is dropped, and the vendor has counted it.
  await askPatiently(running, `${addresses.intake}/api/v2/series`, { method: 'POST', headers }, JSON.stringify({ series }));
}
