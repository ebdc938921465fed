/** Owns the words of `amend`, and the reading of the file that says how the consumer is to be. */
import { connectors } from '../../activities/configuration/connectors.js';
import { loadConfiguration } from '../../activities/configuration/load.js';
import { withAccess } from '../local-access.js';
import { amendConsumer } from '../operations/amend-consumer.js';
import type { Answer } from '../output.js';
import { problemsAnswer } from './apply.js';

export async function amend(id: string, consumer: string, file: string, reason: string): Promise<Answer> {
  const parsed = await loadConfiguration(file, connectors);
  if (!parsed.ok) return problemsAnswer(parsed.problems);
  const { configuration } = parsed;
  const { run, phase } = await withAccess((who, access) =>
    amendConsumer(who, access, { run: id, consumer, configuration, reason }),
  );
  return {
    json: { ok: true, verb: 'amend', rotation: run, phase },
    text: `${run}, which is ${phase}, takes ${consumer} as ${file} declares it; an approval of the plan before it counts no more`,
    next: `apply -f ${file}`,
  };
}
