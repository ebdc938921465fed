/**
 * Owns one command on a connection: what goes in, what comes out, and whether it may have run when
 * no end is seen.
 */
import type { Client, ClientChannel } from 'ssh2';

export interface Ended {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * No end was seen. `sent` is false only if the command, or what it waits for on its standard input,
 * certainly did not go out whole.
 */
export class Unseen extends Error {
  override readonly name = 'Unseen';

  constructor(
    readonly sent: boolean,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A command that leaves a service behind may leave its output open too; what is printed later is
 * not waited for.
 */
const lastWords = 100;

/**
 * `input` is given at once and closed behind it; null: it stays open until the command has ended.
 */
export function execute(
  client: Client,
  command: string,
  input: Buffer | null,
  kept: number,
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let channel: ClientChannel | null = null;
    let sent = false;
    let ended = false;
    const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let size = 0;

    const finish = (settle: () => void): void => {
      ended = true;
      signal.removeEventListener('abort', onAbort);
      client.off('close', onClose);
      // Closing it tells the machine that nobody waits any more.
      channel?.close();
      settle();
    };
    const unseen = (message: string) => finish(() => reject(new Unseen(sent, message)));
    const onAbort = () => unseen('still running at the deadline');
    const onClose = () => unseen('cut off from us');
    if (signal.aborted) return reject(new Unseen(false, 'not started'));
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('close', onClose);

    if (input === null) sent = true;
    try {
      client.exec(command, started);
    } catch {
      unseen('cut off from us');
    }

    function started(error: Error | undefined, opened: ClientChannel): void {
      if (error) {
        sent = false;
        unseen('not started');
        return;
      }
      if (ended) {
        opened.close();
        return;
      }
      channel = opened;
      const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
        if (size < kept) chunks.push(chunk.subarray(0, kept - size));
        size += chunk.length;
      };
      opened.on('data', keep(out.stdout));
      opened.stderr.on('data', keep(out.stderr));
      let exitCode: number | null = null;
      let exited = false;
      const done = () =>
        finish(() => resolve({ exitCode, stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr) }));
      opened.on('exit', (code: number | null) => {
        exitCode = typeof code === 'number' ? code : null;
        exited = true;
        if (input === null) setTimeout(done, lastWords);
      });
      opened.on('close', () => (exited ? done() : unseen('cut off from us')));
      opened.on('error', () => unseen('cut off from us'));
      if (input === null) return;
      sent = true;
      opened.end(input);
    }
  });
}
