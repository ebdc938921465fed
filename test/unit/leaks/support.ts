/** Owns how tests hand a report in, and how they look a value up in what came out. */
import { Secret } from '../../../activities/ports/secret.js';
import { type LeakReport, readReport } from '../../../client/leaks/report.js';

/** In pieces of that many bytes. */
export async function* inPieces(content: string | Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content as string);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export const reportOf = (content: string | Uint8Array): Promise<LeakReport> => readReport(inPieces(content));

export const json = (content: unknown): Promise<LeakReport> => reportOf(JSON.stringify(content, null, 1));

/** When it leaked, as reported; undefined where the value is not in it. */
export function leakedAt({ values }: LeakReport, value: string): string | null | undefined {
  const { digest, handle } = new Secret(value);
  return values.find(({ forms }) => forms.some((form) => form.digest === digest && form.handle === handle))?.leakedAt;
}

export const holds = (report: LeakReport, value: string): boolean => leakedAt(report, value) !== undefined;
