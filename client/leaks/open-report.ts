/** Owns how a report is opened: a file, a pipe that the shell made, or standard input. */
import { fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { RekeyError } from '../../workflows/domain/errors.js';

const chunk = 256 * 1024;

/** `-` is standard input. Throws KR_LEAKS_UNREADABLE where there is nothing that can be read. */
export async function* openReport(place: string): AsyncGenerator<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    if (place === '-') {
      // Node.js reads nothing from one, as if it were an empty report.
      if (fstatSync(0).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
      yield* process.stdin as AsyncIterable<Buffer>;
      return;
    }
    file = await open(place, 'r');
    const bytes = Buffer.alloc(chunk);
    for (;;) {
      const { bytesRead } = await file.read(bytes, 0, chunk, null);
      if (bytesRead === 0) return;
      yield Uint8Array.prototype.slice.call(bytes, 0, bytesRead);
    }
  } catch (error) {
    throw new RekeyError('KR_LEAKS_UNREADABLE', whyNot((error as NodeJS.ErrnoException).code));
  } finally {
    await file?.close();
  }
}

/** Without its name: what is no file may be a leaked value that was given in place of one. */
function whyNot(code: string | undefined): string {
  if (code === 'ENOENT') return 'the file with the report is not there';
  if (code === 'EISDIR') return 'what was given as the report is a folder';
  if (code === 'EACCES') return 'the file with the report may not be read by this account';
  return `the report cannot be read (${code ?? 'unknown'})`;
}
