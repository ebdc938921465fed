/**
 * Owns the process behind `rekey audit verify`: recomputes every chain, and holds it against what
 * was kept apart of it.
 */
import { verifyAudit } from '../../activities/postgres/audit.js';
import { findInstallation } from '../../client/environment.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { compose } from '../composition.js';
import { readKept } from '../heads.js';
import { answer, main, option } from './process.js';

await main(async () => {
  const installation = findInstallation();
  const file = option('heads') ?? installation.headsFile;
  const kept = file === null ? null : readKept(file, installation.keysFolder);
  const { database } = await compose(installation);
  const chains = await verifyAudit(database, kept?.heads ?? []);
  const broken = chains.filter((c) => c.broken !== null);
  if (broken.length > 0) throw new RekeyError('KR_AUDIT_BROKEN', broken.map((c) => `${c.credential}: ${c.broken}`).join('; '));

  const signed = ({ events, signedTo }: (typeof chains)[number]) =>
    signedTo === null ? 'none of them signed' : `signed up to ${signedTo === events ? 'the last' : `event ${signedTo}`}`;
  const lines = chains.map((c) => `${c.credential}: ${c.events} events, head ${c.head.hash.slice(0, 12)}, ${signed(c)}`);
  answer(
    { ok: true, chains, heads: kept && { file, compared: kept.heads.length, others: kept.others } },
    [...lines, `${chains.length} chains hold`, ...told(file, kept), 'next: rekey status'].join('\n'),
  );
});

function told(file: string | null, kept: ReturnType<typeof readKept>): readonly string[] {
  if (!kept || kept.heads.length === 0) {
    const where = file === null ? 'REKEY_AUDIT_HEADS is not set' : `${file} holds none`;
    return [`no signed heads are kept (${where}): a chain that whoever owns the database built anew would look the same`];
  }
  const others = kept.others === 0 ? [] : [`${kept.others} other lines of ${file} are not signed by this installation`];
  return [`held against ${kept.heads.length} signed heads of ${file}`, ...others];
}
