/** Owns what the operating system's errors mean for a hand-out. */
import { RekeyError } from '../../../workflows/domain/errors.js';

/**
 * These stay until a person changes something: no such file, no right, no room for it by design.
 */
const lasting: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder',
  ELOOP: 'is a link that leads to itself',
  EACCES: 'may not be used by rekey',
  EPERM: 'may not be changed by rekey',
  EROFS: 'stands on a file system that is mounted read-only',
};

/** The error of a step that changed nothing yet. Node's messages are not shown, its codes are. */
export function fileFault(error: unknown, file: string): RekeyError {
  if (error instanceof RekeyError) return error;
  const code = codeOf(error);
  if (code === 'ABORT_ERR')
    return new RekeyError('KR_HOST_UNAVAILABLE', `${file}: no time was left to change it; nothing was changed`);
  if (code !== null && code in lasting) return new RekeyError('KR_HOST_REFUSED', `${file} ${lasting[code]} (${code})`);
  if (code !== null) return new RekeyError('KR_HOST_UNAVAILABLE', `${file} cannot be used now (${code})`);
  throw error;
}

export function refusedFile(file: string, reason: string): RekeyError {
  return new RekeyError('KR_HOST_REFUSED', `${file}: ${reason}`);
}

export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
