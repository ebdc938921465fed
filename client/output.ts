/**
 * Owns what a command says and how it ends: text for people or one JSON document, and the exit
 * code.
 */
import Table from 'cli-table3';
import { errorCodes } from '../workflows/domain/error-codes.js';
import type { ErrorCode } from '../workflows/domain/errors.js';
import { asRekeyError } from './errors.js';

/** 0 done, 1 failed, 2 usage or configuration, 3 waiting for a person, 4 refused by preflight. */
type ExitCode = 0 | 1 | 2 | 3 | 4;

export interface Answer {
  readonly json: object;
  readonly text: string;
  /** The next useful command, without `rekey`. */
  readonly next?: string;
  readonly exit?: ExitCode;
}

const codes: Partial<Record<ErrorCode, ExitCode>> = {
  KR_USAGE: 2,
  KR_CONFIG_INVALID: 2,
  KR_ENVIRONMENT_INVALID: 2,
  KR_PREFLIGHT_REFUSED: 4,
};

/**
 * Runs a command and never returns: with `--json`, standard output holds one document, also when it
 * fails.
 */
export async function answerWith(json: boolean, run: () => Promise<Answer>): Promise<never> {
  let exit: ExitCode;
  try {
    const answer = await run();
    if (json) process.stdout.write(`${JSON.stringify(answer.json)}\n`);
    else process.stdout.write(`${answer.text}\n${answer.next ? `next: rekey ${answer.next}\n` : ''}`);
    exit = answer.exit ?? 0;
  } catch (error) {
    const fault = asRekeyError(error);
    const { remedy } = errorCodes[fault.code];
    if (json)
      process.stdout.write(`${JSON.stringify({ ok: false, error: { code: fault.code, message: fault.detail, remedy } })}\n`);
    else process.stderr.write(`${fault.code}: ${fault.detail}\n${remedy}\n`);
    exit = codes[fault.code] ?? 1;
  }
  process.exit(exit);
}

export function table(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [], compact: true }, chars: plainLines });
  for (const row of rows) made.push(row.map((cell) => (cell === null ? '-' : String(cell))));
  return made.toString();
}

const plainLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};
