/** Owns how a key store opens its HTTP client: with its own name, address and times. */
import type { ConnectorContext } from '../../ports/connector.js';
import { HttpClient, type HttpClientOptions } from './client.js';
import { storeFaults } from './faults.js';
import type { Timing } from './settings.js';

type Given = Pick<HttpClientOptions, 'baseUrl' | 'faultText'> & Partial<HttpClientOptions>;

export function storeClient(
  { name, userAgent }: ConnectorContext,
  { timing }: { readonly timing: Timing },
  given: Given,
): HttpClient {
  return new HttpClient({ label: name, userAgent, deadline: timing.request, faults: storeFaults, ...given });
}
