/** Owns the process behind `rekey migrate`. */
import { migrate } from '../../activities/postgres/migrate.js';
import { findDatabase } from '../../client/environment.js';
import { answer, main } from './process.js';

await main(async () => {
  const { databaseUrl, passwordFile } = findDatabase();
  const applied = await migrate(databaseUrl, passwordFile);
  answer(
    { ok: true, applied },
    applied.length > 0 ? `applied ${applied.join(', ')}\nnext: rekey worker` : 'the schema is up to date\nnext: rekey status',
  );
});
