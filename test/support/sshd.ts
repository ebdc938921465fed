/**
 * Owns an SSH server for tests, on loopback and a free port, with keys made for it: OpenSSH's where
 * there is one, else the library's own.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { freePort } from '../../worker/embedded/ports.js';

const sshd = '/usr/sbin/sshd';
export const hasOpenSsh = existsSync(sshd);

export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** Files: the client's key, and what the server is known by. */
  readonly privateKey: string;
  readonly knownHosts: string;
  readonly fingerprint: string;
  /** How many connections were let in so far. */
  logins(): number;
  /** Ends the server and every connection, at once. */
  close(): Promise<void>;
}

export async function startSshServer(options: readonly string[] = []): Promise<SshServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'rekey-sshd-'));
  const file = (name: string) => path.join(folder, name);
  const make = (name: string) => (hasOpenSsh ? makeWithOpenSsh : makeWithLibrary)(file(name));
  const hostKey = make('host');
  const clientKey = make('client');
  const { port, logins, end } = hasOpenSsh ? await openSsh(folder, clientKey, options) : await library(folder, clientKey);
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
  const digest = createHash('sha256')
    .update(Buffer.from(hostKey.split(' ')[1]!, 'base64'))
    .digest('base64');
  return {
    port,
    user: userInfo().username,
    privateKey: file('client'),
    knownHosts: file('known_hosts'),
    fingerprint: `SHA256:${digest.replace(/=+$/, '')}`,
    logins,
    async close() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a key pair in a file; answers with its public half. */
function makeWithOpenSsh(file: string): string {
  // One in some thousands of the library's own keys is refused by OpenSSH.
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  return readFileSync(`${file}.pub`, 'utf8').trim();
}

function makeWithLibrary(file: string): string {
  const { public: open, private: secret } = ssh2.utils.generateKeyPairSync('ed25519');
  writeFileSync(file, secret, { mode: 0o600 });
  return open;
}

interface Started {
  readonly port: number;
  readonly logins: () => number;
  readonly end: () => Promise<void>;
}

async function openSsh(folder: string, clientKey: string, options: readonly string[]): Promise<Started> {
  // OpenSSH separates privileges in this folder; systemd makes it where sshd is a service.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort(undefined);
  const log = path.join(folder, 'log');
  writeFileSync(path.join(folder, 'authorized'), `${clientKey}\n`);
  writeFileSync(
    path.join(folder, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${path.join(folder, 'host')}`,
      `AuthorizedKeysFile ${path.join(folder, 'authorized')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'LogLevel VERBOSE',
      ...options,
      '',
    ].join('\n'),
  );
  const child = spawn(sshd, ['-D', '-f', path.join(folder, 'config'), '-E', log], { stdio: 'ignore', detached: true });
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${readFileSync(log, 'utf8')}`);
    return isOpen(port);
  });
  return {
    port,
    logins: () => readFileSync(log, 'utf8').split('Accepted publickey').length - 1,
    end: () => endTree(child),
  };
}

/** Sessions are children that outlive their server, so they are ended first. */
async function endTree(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of descendants(child.pid!)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function descendants(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const children = lines.map((line) => line.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === pid);
  return children.flatMap(([child]) => [child!, ...descendants(child!)]);
}

/** Enough of a server for commands and forwarded connections. */
async function library(folder: string, clientKey: string): Promise<Started> {
  const connections = new Set<Connection>();
  const allowed = Buffer.from(clientKey.split(' ')[1]!, 'base64');
  let logins = 0;
  const server = new ssh2.Server({ hostKeys: [readFileSync(path.join(folder, 'host'))] }, (connection) => {
    connections.add(connection);
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey' || !context.key.data.equals(allowed)) return context.reject(['publickey']);
      return context.accept();
    });
    connection.on('ready', () => {
      logins++;
      connection.on('session', (accept) => accept().on('exec', (acceptExec, _, { command }) => serve(acceptExec(), command)));
      connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
        const socket = net.connect(destPort, destIP, () => {
          const channel = accept();
          socket.on('error', () => channel.close());
          channel.on('error', () => socket.destroy());
          channel.pipe(socket).pipe(channel);
        });
        socket.once('error', () => reject());
      });
    });
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    logins: () => logins,
    async end() {
      for (const connection of connections) connection.end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(channel: ServerChannel, command: string): void {
  const child = spawn('sh', ['-c', command]);
  channel.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on('exit', (code, signal) => (signal ? channel.exit(signal.slice(3)) : channel.exit(code ?? 1)));
  child.on('close', () => channel.close());
  channel.on('close', () => child.stdin.end());
  channel.on('error', () => undefined);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(socket.destroy().destroyed));
    socket.on('error', () => resolve(false));
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error('the SSH server did not come up');
}
