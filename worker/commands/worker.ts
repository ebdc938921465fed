/** Owns the process behind `rekey worker`: serves until it is told to stop. */
import { HeadSigner } from '../../activities/vault/head-signer.js';
import { findInstallation } from '../../client/environment.js';
import { compose } from '../composition.js';
import { HeadKeeper } from '../heads.js';
import { installRuntime, log } from '../logger.js';
import { Serving } from '../serve.js';
import { main } from './process.js';

await main(async () => {
  const asked = process.argv.flatMap((argument, index, all) => (all[index - 1] === '--queue' ? [argument] : []));
  installRuntime();
  const installation = findInstallation();
  const heads = new HeadKeeper(HeadSigner.of(installation.keysFolder), installation.headsFile);
  const composition = await compose(installation, heads);
  await heads.start(composition.database);
  const serving = await Serving.start(installation, composition, { queues: asked.length > 0 ? asked : null });
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, queues: serving.queues })}\n`);
  log.info({ queues: serving.queues }, 'serving');

  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await Promise.race([told, serving.broken]);
  await serving.stop();
  await heads.stop(composition.database);
  await composition.database.end();
  log.info('stopped');
});
