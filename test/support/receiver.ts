/**
 * Owns a program behind a receiver of webhooks, as a rotation meets it: it works with the key that
 * it was handed, and says which machine it is on.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../activities/ports/secret.js';

export interface Receiver {
  readonly url: string;
  /** What it answers when it is asked who it is. */
  identity: string;
  /** What it was asked to do, in order. */
  readonly changes: string[];
  close(): void;
}

/** `key`: what its program works with at first. */
export async function startReceiver(key: string): Promise<Receiver> {
  let held = new Secret(key).fingerprint;
  const changes: string[] = [];
  const answer = (message: { type: string; consumer?: string; secret?: string }): object => {
    if (message.type === 'identify') return { identity: receiver.identity };
    if (message.type === 'inspect') {
      const instances = [{ id: '1', fingerprint: held, evidence: 'uses' }];
      return { state: 'running', healthy: true, source: held, instances };
    }
    changes.push(`${message.type} ${message.consumer}`);
    if (message.secret !== undefined) held = new Secret(message.secret).fingerprint;
    return {};
  };
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer(JSON.parse(text))));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const receiver: Receiver = { url, identity: 'the machine', changes, close: () => server.close() };
  return receiver;
}
