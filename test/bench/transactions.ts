/**
 * Owns a door to PostgreSQL that counts the transactions of whoever goes through it, in the words
 * of the protocol (PostgreSQL documentation, "Message Formats").
 */
import net from 'node:net';

/** What every worker asks twice a second, whatever rotates. */
const watch = /^select hash from configurations/;

export interface CountingDoor {
  /** The address of the database by this door. */
  readonly url: string;
  /** Transactions so far; a statement that stands alone is one. */
  counted(): number;
  close(): void;
}

export async function openCountingDoor(databaseUrl: string): Promise<CountingDoor> {
  const { hostname, port } = new URL(databaseUrl);
  let transactions = 0;
  const open = new Set<net.Socket>();
  const server = net.createServer((from) => {
    const to = net.connect(Number(port), hostname);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one.pipe(other));
      one.on('error', () => other.destroy());
    }
    from.on('data', messages(statements(() => transactions++)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.port = String((server.address() as net.AddressInfo).port);
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { url: url.href, counted: () => transactions, close };
}

/** Tells of each statement whether it begins a transaction. */
function statements(began: () => void): (type: string, body: Buffer) => void {
  let [inside, parsed] = [false, ''];
  const asked = (text: string) => {
    const begins = text === 'begin';
    if (!inside && !watch.test(text)) began();
    inside = begins || (inside && text !== 'commit' && text !== 'rollback');
  };
  return (type, body) => {
    if (type === 'Q') asked(textAt(body, 0));
    // A statement with values: parsed under a name that is empty, and done with at Sync.
    if (type === 'P') parsed = textAt(body, body.indexOf(0) + 1);
    if (type === 'S') asked(parsed);
  };
}

const textAt = (body: Buffer, start: number) => body.toString('utf8', start, body.indexOf(0, start)).trimStart();

/** Cuts what a client sends into its messages; the first has no type. */
function messages(take: (type: string, body: Buffer) => void): (chunk: Buffer) => void {
  let [waiting, isFirst] = [Buffer.alloc(0), true];
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const head = isFirst ? 0 : 1;
      if (waiting.length < head + 4) return;
      const length = head + waiting.readUInt32BE(head);
      if (waiting.length < length) return;
      if (!isFirst) take(String.fromCharCode(waiting[0]!), waiting.subarray(head + 4, length));
      isFirst = false;
      waiting = waiting.subarray(length);
    }
  };
}
