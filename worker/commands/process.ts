/**
 * Owns the process of a worker's command: its options, and how it ends; an error with a code goes
 * to standard error, or as JSON to standard output, with the exit code of its kind.
 */
import { asRekeyError } from '../../client/errors.js';
import { errorCodes } from '../../workflows/domain/error-codes.js';

export async function main(run: () => Promise<void>): Promise<void> {
  try {
    await run();
    process.exit(0);
  } catch (error) {
    const fault = asRekeyError(error);
    const { remedy } = errorCodes[fault.code];
    if (process.argv.includes('--json'))
      process.stdout.write(`${JSON.stringify({ ok: false, error: { code: fault.code, message: fault.detail, remedy } })}\n`);
    else process.stderr.write(`${fault.code}: ${fault.detail}\n${remedy}\n`);
    process.exit(['KR_USAGE', 'KR_CONFIG_INVALID', 'KR_ENVIRONMENT_INVALID'].includes(fault.code) ? 2 : 1);
  }
}

/** One JSON line, or the text for people. */
export function answer(json: object, text: string): void {
  process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(json)}\n` : `${text}\n`);
}

export function option(name: string): string | null {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : (process.argv[at + 1] ?? null);
}
