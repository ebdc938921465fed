/** Owns the choice of loopback ports: the remembered one when it is free, else another that nobody uses. */
import net from 'node:net';

export async function freePort(remembered: number | undefined): Promise<number> {
  if (remembered !== undefined && (await listen(remembered)) !== null) return remembered;
  const port = await listen(0);
  if (port === null) throw new Error('there is no free port on the loopback');
  return port;
}

function listen(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address() as net.AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
}
