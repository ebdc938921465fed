/**
 * Owns the choice of loopback ports: the remembered one when it is free, else another that nobody
 * uses.
 */
import { randomInt } from 'node:crypto';
import net from 'node:net';

/**
 * Below the range that Linux takes the ports of outgoing connections from (32768 to 60999, man 7
 * ip): a port from there may be one of those by the time that its server binds it.
 */
const [lowest, highest] = [20_000, 32_767];
const mostTries = 100;

export async function freePort(remembered: number | undefined): Promise<number> {
  if (remembered !== undefined && (await isFree(remembered))) return remembered;
  for (let tries = 0; tries < mostTries; tries++) {
    const port = randomInt(lowest, highest + 1);
    if (await isFree(port)) return port;
  }
  throw new Error('there is no free port on the loopback');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
