/**
 * Owns the way to Temporal: asks in milliseconds whether anybody is there, then connects with our
 * codec.
 */
import net from 'node:net';
import type { Client } from '@temporalio/client';
import { RekeyError } from '../workflows/domain/errors.js';
import { dataConverter } from './codec.js';
import type { Installation } from './environment.js';

/** A client, and how to let go of it. */
export async function connect(installation: Installation): Promise<{ client: Client; close(): Promise<void> }> {
  await requireReachable('Temporal', installation.temporalAddress);
  // Most of what the command line would load; what reads the ledger alone does without.
  const { Client, Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address: installation.temporalAddress, connectTimeout: '10 seconds' });
  const client = new Client({
    connection,
    namespace: installation.temporalNamespace,
    dataConverter: dataConverter(installation.keysFolder),
  });
  return { client, close: () => connection.close() };
}

/**
 * Throws KR_SERVICE_AWAY within a second when nobody listens: the SDK's own connect would wait for
 * its whole time-out.
 */
export function requireReachable(service: string, address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
    const away = (why: string) => {
      socket.destroy();
      reject(new RekeyError('KR_SERVICE_AWAY', `${service} at ${address} ${why}`));
    };
    socket.setTimeout(900, () => away('does not answer'));
    socket.once('error', () => away('is away'));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
