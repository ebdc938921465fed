/** Owns the process behind `rekey migrate`. */
import { migrate } from '../../activities/postgres/migrate.js';
import { homeFolder, readState } from '../../client/environment.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { answer, main } from './process.js';

await main(async () => {
  const state = readState(homeFolder());
  const url = process.env.DATABASE_URL ?? state.database;
  if (!url) throw new RekeyError('KR_SERVICE_AWAY', 'DATABASE_URL is not set, and there is no embedded installation');
  const file = process.env.REKEY_DATABASE_PASSWORD_FILE ?? (process.env.DATABASE_URL ? null : (state.passwordFile ?? null));
  const applied = await migrate(url, file);
  answer(
    { ok: true, applied },
    applied.length > 0 ? `applied ${applied.join(', ')}\nnext: rekey worker` : 'the schema is up to date\nnext: rekey status',
  );
});
