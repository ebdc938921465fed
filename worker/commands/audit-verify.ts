/** Owns the process behind `rekey audit verify`: recomputes every chain. */
import { verifyAudit } from '../../activities/postgres/audit.js';
import { findInstallation } from '../../client/environment.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { compose } from '../composition.js';
import { answer, main } from './process.js';

await main(async () => {
  const { database } = await compose(findInstallation());
  const chains = await verifyAudit(database);
  const broken = chains.filter((c) => c.broken !== null);
  if (broken.length > 0) throw new RekeyError('KR_AUDIT_BROKEN', broken.map((c) => `${c.credential}: ${c.broken}`).join('; '));
  const lines = chains.map((c) => `${c.credential}: ${c.events} events, head ${c.head.hash.slice(0, 12)}`);
  answer({ ok: true, chains }, [...lines, `${chains.length} chains hold`, 'next: rekey status'].join('\n'));
});
