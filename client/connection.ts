/**
 * Owns the way to Temporal: asks in milliseconds whether anybody is there, then connects with our
 * codec.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { Client, TLSConfig } from '@temporalio/client';
import { requireOwnFile } from '../activities/ports/own-file.js';
import { RekeyError } from '../workflows/domain/errors.js';
import { dataConverter } from './codec.js';
import type { Installation } from './environment.js';
import { isUnproved, type TemporalTls } from './reach.js';

/** A client, and how to let go of it. */
export async function connect(installation: Installation): Promise<{ client: Client; close(): Promise<void> }> {
  await requireTemporal(installation);
  // Most of what the command line would load; what reads the ledger alone does without.
  const { Client, Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ ...connectionOptions(installation), connectTimeout: '10 seconds' });
  const client = new Client({
    connection,
    namespace: installation.temporalNamespace,
    dataConverter: dataConverter(installation.keysFolder),
  });
  return { client, close: () => connection.close() };
}

/** Of an address that names none. */
const usualPort = 7233;

/** Where and how, for the connections of clients and of workers. */
export function connectionOptions({ temporalAddress, tls: wanted, apiKey }: Installation) {
  return {
    address: temporalAddress,
    // Said although it is the default without a key: with one the SDK would take TLS for granted.
    tls: wanted ? certificatesOf(wanted) : (false as const),
    ...(apiKey && { apiKey: apiKey.reveal() }),
  };
}

function certificatesOf({ rootFile, certificate, serverName }: TemporalTls): TLSConfig {
  return {
    ...(rootFile && { serverRootCACertificate: Buffer.from(requireOwnFile(rootFile)) }),
    ...(certificate && {
      clientCertPair: {
        crt: Buffer.from(requireOwnFile(certificate.certFile)),
        key: Buffer.from(requireOwnFile(certificate.keyFile)),
      },
    }),
    ...(serverName && { serverNameOverride: serverName }),
  };
}

/**
 * Throws KR_SERVICE_AWAY within a second when nobody listens, or somebody else does: the SDK's own
 * connect would wait for its whole time-out, and not say which.
 */
export function requireTemporal(installation: Installation): Promise<void> {
  const { address, tls: secured } = connectionOptions(installation);
  const { hostname, port } = new URL(`tcp://${address}`);
  const [host, at] = [hostname.replace(/^\[|\]$/g, ''), Number(port || usualPort)];
  const name = installation.tls?.serverName ?? host;
  return new Promise((resolve, reject) => {
    const socket = secured
      ? tls.connect({
          host,
          port: at,
          ALPNProtocols: ['h2'],
          ca: bytes(secured.serverRootCACertificate),
          cert: bytes(secured.clientCertPair?.crt),
          key: bytes(secured.clientCertPair?.key),
          ...(net.isIP(name) ? {} : { servername: name }),
        })
      : net.connect({ host, port: at });
    const away = (why: string) => {
      socket.destroy();
      reject(new RekeyError('KR_SERVICE_AWAY', `Temporal at ${address} ${why}`));
    };
    socket.setTimeout(900, () => away('does not answer'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      away(isUnproved(code) ? `does not prove to be it (${code})` : 'is away'),
    );
    socket.once(secured ? 'secureConnect' : 'connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

const bytes = (part: Uint8Array | null | undefined): Buffer | undefined => (part ? Buffer.from(part) : undefined);
