/** Owns how an error of any origin becomes one of ours. */
import { isErrorCode, RekeyError } from '../workflows/domain/errors.js';

/**
 * An error of ours that came through Temporal keeps its code; anything else shows its first line,
 * which holds no payload.
 */
export function asRekeyError(error: unknown): RekeyError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RekeyError) return cause;
    const { type } = cause as { type?: unknown };
    if (isErrorCode(type)) return new RekeyError(type, cause.message);
  }
  const namespace =
    error instanceof Error
      ? /^Namespace (?:not found: )?'?([\w.-]+?)'?(?: (?:was|is) not found.*)?$/.exec(firstLine(error))
      : null;
  if (namespace) return new RekeyError('KR_NAMESPACE_MISSING', `there is no namespace ${namespace[1]}`);
  return new RekeyError('KR_INTERNAL', error instanceof Error ? firstLine(error) : 'unknown');
}

const firstLine = (error: Error): string => error.message.split('\n', 1)[0]!;
