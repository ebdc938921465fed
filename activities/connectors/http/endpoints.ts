/** Owns asking every endpoint of a vendor: a probe counts only when all have answered. */
import type { Probe } from '../../ports/key-store.js';
import type { HttpClient } from './client.js';

export class Endpoints {
  readonly #clients: readonly { readonly endpoint: string; readonly http: HttpClient }[];

  constructor(urls: readonly string[], open: (url: string, host: string) => HttpClient) {
    this.#clients = urls.map((url) => {
      const { host } = new URL(url);
      return { endpoint: host, http: open(url, host) };
    });
  }

  /** Waits for all of them, so that no request goes on behind an error. */
  async ask(accepts: (http: HttpClient) => Promise<boolean>): Promise<Probe['endpoints']> {
    const asked = await Promise.allSettled(
      this.#clients.map(async ({ endpoint, http }) => ({ endpoint, accepted: await accepts(http) })),
    );
    return asked.map((answer) => {
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    });
  }
}
