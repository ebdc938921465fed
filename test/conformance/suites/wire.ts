/**
 * Owns the wire between a connector and a server, which tests break: a TCP proxy that knows nothing
 * of what it carries.
 */
import net, { type AddressInfo } from 'node:net';

export class Wire {
  readonly #sockets = new Set<net.Socket>();
  #server = net.createServer();
  #silent = false;
  /** Pieces of answers that still come through; null: all. */
  #left: number | null = null;

  private constructor(
    readonly host: string,
    /** Where the connector finds the server. */
    readonly port: number,
    private readonly behind: { readonly host: string; readonly port: number },
  ) {}

  static async to(host: string, port: number): Promise<Wire> {
    const probe = net.createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const wire = new Wire('127.0.0.1', (probe.address() as AddressInfo).port, { host, port });
    await new Promise((resolve) => probe.close(resolve));
    await wire.mend();
    return wire;
  }

  /** Everything comes through again; what was open is gone. */
  async mend(): Promise<void> {
    await this.#close();
    this.#silent = false;
    this.#left = null;
    this.#server = net.createServer((socket) => this.#carry(socket));
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(this.port, this.host, resolve));
  }

  /** Nobody is there: connections are refused. */
  async refuse(): Promise<void> {
    await this.#close();
  }

  /** Somebody is there who never answers. */
  async silence(): Promise<void> {
    await this.mend();
    this.#silent = true;
  }

  /**
   * So many more pieces of answers come through; the next one is lost, and the connection with it.
   * What was asked is done all the same.
   */
  async cutAfter(pieces: number): Promise<void> {
    await this.mend();
    this.#left = pieces;
  }

  async end(): Promise<void> {
    await this.#close();
  }

  #carry(near: net.Socket): void {
    const open = (socket: net.Socket): net.Socket => {
      this.#sockets.add(socket);
      return socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    };
    open(near);
    if (this.#silent) return void near.resume();
    const far = open(net.connect(this.behind));
    near.on('data', (piece) => far.write(piece)).on('end', () => far.end());
    far.on('data', (piece) => {
      if (this.#left === 0) return near.destroy();
      if (this.#left !== null) this.#left -= 1;
      near.write(piece);
      return near;
    });
    far.on('end', () => near.end()).on('close', () => near.destroy());
  }

  async #close(): Promise<void> {
    const closed = this.#server.listening ? new Promise((resolve) => this.#server.close(resolve)) : null;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
