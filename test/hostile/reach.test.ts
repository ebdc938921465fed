/**
 * Servers off the loopback: programs ask them with verified TLS and a credential, or not at all. A
 * PostgreSQL with `ssl=on`, and a door with TLS before the Temporal of the run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connect, connectionOptions } from '../../client/connection.js';
import { findInstallation } from '../../client/environment.js';
import { openHome } from '../../worker/embedded/home.js';
import { freePort } from '../../worker/embedded/ports.js';
import { preparePostgres } from '../../worker/embedded/postgres.js';
import { Child } from '../../worker/embedded/supervisor.js';
import { Certificates, type Pair, readPair } from '../support/certificates.js';
import { rekey } from '../support/command-line.js';
import { firstLine } from '../support/lane.js';

/** Reaches this machine, and is no address of the loopback. */
const away = '0.0.0.0';
const namespace = 'reached-by-tls';

let folder: string;
let certificates: Certificates;
let client: Pair;
let postgres: Child;
let door: tls.Server;
let worker: ChildProcess | undefined;
/** Connections that came through the door. */
let entered = 0;
let cluster: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'rekey-reach-'));
  chmodSync(folder, 0o755);
  certificates = new Certificates(path.join(folder, 'certificates'));
  client = certificates.sign('worker', ['DNS:worker']);

  const home = openHome(path.join(folder, 'home'));
  const port = await freePort(undefined);
  const plain = await preparePostgres(home, port);
  const server = certificates.sign('postgres', [`IP:${away}`]);
  if (plain.uid !== undefined) chownSync(server.keyFile, plain.uid, plain.gid!);
  const settings = ['ssl=on', `ssl_cert_file=${server.certFile}`, `ssl_key_file=${server.keyFile}`];
  postgres = new Child({ ...plain, args: [...plain.args, ...settings.flatMap((one) => ['-c', one])] }, home, () => undefined);
  await postgres.start();

  const [host, temporalPort] = inject('servers').temporal.split(':');
  door = tls.createServer(
    {
      ...readPair(certificates.sign('temporal', ['DNS:temporal.example'])),
      ca: readPair({ certFile: certificates.rootFile, keyFile: certificates.rootFile }).cert,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (socket) => {
      entered++;
      const inner = net.connect({ host: host!, port: Number(temporalPort) });
      socket.pipe(inner).pipe(socket);
      for (const side of [socket, inner]) side.on('error', () => void [socket.destroy(), inner.destroy()]);
    },
  );
  door.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));

  cluster = {
    DATABASE_URL: `postgres://rekey@${away}:${port}/rekey`,
    PGSSLROOTCERT: certificates.rootFile,
    REKEY_DATABASE_PASSWORD_FILE: home.passwordFile,
    TEMPORAL_ADDRESS: `${away}:${(door.address() as AddressInfo).port}`,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.rootFile,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.example',
    TEMPORAL_TLS_CLIENT_CERT_PATH: client.certFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: client.keyFile,
    REKEY_KEYS: home.keys,
    REKEY_HOME: folder,
  };
  const connection = await Connection.connect({ address: inject('servers').temporal });
  await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: { seconds: 86_400 as never } })
    .catch(() => undefined);
  await connection.close();
});

afterAll(async () => {
  if (worker) {
    worker.kill('SIGTERM');
    await once(worker, 'exit');
  }
  door?.close();
  await postgres?.stop(5_000);
  rmSync(folder, { recursive: true, force: true });
});

/** A program of ours in the cluster's environment; what is empty is not set. */
function run(args: readonly string[], changed: Readonly<Record<string, string>> = {}) {
  const environment = Object.fromEntries(Object.entries({ ...process.env, ...cluster, ...changed }).filter(([, value]) => value));
  return rekey({ environment }, args);
}

describe('a cluster with TLS', () => {
  it('is served by a worker, and asked by the command line, with certificates on all ways', async () => {
    expect((await run(['migrate'])).text).toContain('applied');
    const program = path.resolve(import.meta.dirname, '../../dist/worker/commands/worker.js');
    worker = spawn(process.execPath, [program], { env: { ...process.env, ...cluster }, stdio: ['ignore', 'pipe', 'pipe'] });
    expect(JSON.parse(await firstLine(worker))).toMatchObject({ ready: true });
    const file = path.join(folder, 'rekey.yaml');
    writeFileSync(file, 'version: 1\nstores: {}\nhosts: {}\ncredentials: {}\n');
    expect((await run(['apply', '-f', file])).text).toContain('applied');
    const { json, text } = await run(['doctor', '--json']);
    expect(json, text).toMatchObject({ ok: true });
  });

  it.each([
    [
      'PostgreSQL whose root is another',
      { PGSSLROOTCERT: '', PGSSLMODE: 'verify-full' },
      /PostgreSQL at \S+ does not prove to be it/,
    ],
    ['Temporal whose root is another', { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '' }, /Temporal at \S+ does not prove to be it/],
    ['Temporal of another name', { TEMPORAL_TLS_SERVER_NAME: 'other.example' }, /Temporal at \S+ does not prove to be it/],
  ])('is not believed: %s', async (_, changed, words) => {
    expect((await run(['doctor'], changed)).text.replace(/\s+/g, ' ')).toMatch(words);
  });

  it.each([
    ['no TLS for Temporal', { TEMPORAL_TLS: 'false' }, 'without TLS'],
    [
      'nobody to be for Temporal',
      { TEMPORAL_TLS_CLIENT_CERT_PATH: '', TEMPORAL_TLS_CLIENT_KEY_PATH: '' },
      'client certificate or an API key',
    ],
    ['no TLS for PostgreSQL', { PGSSLROOTCERT: '' }, 'without verified TLS'],
    ['no verified TLS for PostgreSQL', { PGSSLROOTCERT: '', PGSSLMODE: 'require' }, 'without verified TLS'],
  ])('is asked by no program with %s', async (_, changed, words) => {
    const before = entered;
    for (const args of [['status'], ['plan', 'one'], ['worker']]) {
      const { status, text } = await run(args, changed);
      expect([status, text]).toEqual([1, expect.stringMatching(/^KR_PLAIN_CONNECTION: /)]);
      expect(text).toContain(words);
      expect(text).toContain('REKEY_ACCEPT');
    }
    expect(entered).toBe(before);
  });

  it('is asked without what was accepted by name', async () => {
    const { text } = await run(['status'], { PGSSLROOTCERT: '', REKEY_ACCEPT: 'plain-database' });
    expect(text).toContain('postgres running');
  });
});

it('an API key goes with every call, of clients and of workers', async () => {
  const heard: (string | undefined)[] = [];
  const cloud = http2.createSecureServer(readPair(certificates.sign('cloud', [`IP:${away}`, 'DNS:cloud.example'])));
  cloud.on('stream', (stream, headers) => {
    heard.push(headers.authorization);
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7' }, { endStream: true });
  });
  await new Promise<void>((resolve) => cloud.listen(0, '127.0.0.1', resolve));
  const installation = findInstallation({
    ...cluster,
    TEMPORAL_ADDRESS: `${away}:${(cloud.address() as AddressInfo).port}`,
    TEMPORAL_TLS_SERVER_NAME: 'cloud.example',
    TEMPORAL_TLS_CLIENT_CERT_PATH: '',
    TEMPORAL_TLS_CLIENT_KEY_PATH: '',
    TEMPORAL_API_KEY: 'key-of-the-cloud',
  });
  await expect(connect(installation)).rejects.toThrow();
  await expect(NativeConnection.connect(connectionOptions(installation))).rejects.toThrow();
  expect(heard.length).toBeGreaterThanOrEqual(2);
  expect(new Set(heard)).toEqual(new Set(['Bearer key-of-the-cloud']));
  cloud.close();
});
