/** Owns asking a program itself, over HTTP as its own machine reaches it, what it shows. */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { RekeyError } from '../../../workflows/domain/errors.js';
import { codeOf } from './errors.js';
import type { Machine } from './machine.js';

const longest = 256 * 1024;

export type Answered = { readonly body: string } | { readonly problem: string };

/**
 * What stands at the address. A program that does not answer well is an answer; one that does not
 * answer in time is KR_HOST_UNAVAILABLE.
 */
export async function ask(machine: Machine, address: string, userAgent: string, signal: AbortSignal): Promise<Answered> {
  const url = new URL(address);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const shown = `${url.origin}${url.pathname}`;
  let connection: Duplex;
  try {
    connection = await machine.connect(host, Number(url.port) || (secure ? 443 : 80), signal);
  } catch (error) {
    if (error instanceof RekeyError) throw error;
    return { problem: `nobody answers at ${shown} (${codeOf(error) ?? 'no connection'})` };
  }
  try {
    return await exchange(secure ? tls.connect({ socket: connection, servername: host }) : connection, url, userAgent, signal);
  } catch (error) {
    if (signal.aborted) throw new RekeyError('KR_HOST_UNAVAILABLE', `${shown}: no complete answer within the deadline`);
    return { problem: `${shown}: the answer broke off (${codeOf(error) ?? 'no reason'})` };
  } finally {
    connection.destroy();
  }
}

function exchange(socket: Duplex, url: URL, userAgent: string, signal: AbortSignal): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      createConnection: () => socket,
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, 'user-agent': userAgent, connection: 'close' },
      signal,
    });
    // A stream that carries TLS or a tunnel may fail before the request has taken it over.
    socket.on('error', reject);
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        if (size < longest) chunks.push(chunk.subarray(0, longest - size));
        size += chunk.length;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ body: Buffer.concat(chunks).toString('utf8') });
        else resolve({ problem: `${url.origin}${url.pathname} answers ${response.statusCode}` });
      });
    });
    request.end();
  });
}
