/**
 * Owns how a program that stands beside ledger and Temporal performs operations: as the account
 * that runs it, on the installation that its environment names.
 */
import type { Who } from '../workflows/domain/who.js';
import { findInstallation, whoAsks } from './environment.js';
import { Access } from './operations/access.js';

/** Lets go of what was opened when `operate` has ended. */
export async function withAccess<Result>(operate: (who: Who, access: Access) => Promise<Result>): Promise<Result> {
  const access = new Access(findInstallation);
  try {
    return await operate(whoAsks(), access);
  } finally {
    await access.close();
  }
}
