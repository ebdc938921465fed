/**
 * Owns the words of `rekey show`: one rotation with its steps, evidence and audit, and what may be
 * said to it now.
 */
import type { JsonObject } from '../../workflows/domain/credential.js';
import { sequenceOf } from '../../workflows/domain/states.js';
import { formatWho } from '../../workflows/domain/who.js';
import { withAccess } from '../local-access.js';
import { showRun } from '../operations/show-run.js';
import { type Answer, table } from '../output.js';

export async function show(id: string): Promise<Answer> {
  const shown = await withAccess((who, access) => showRun(who, access, { run: id }));
  const { run: rotation, steps, evidence, audit, legal } = shown;
  const waits = rotation.waits_for;
  const text = [
    `${rotation.id}: ${sequenceOf(rotation)}, ${rotation.outcome ?? rotation.phase}${rotation.direction === 'back' ? ', going back' : ''}${rotation.paused ? ', paused' : ''}${rotation.reason ? ` (${rotation.reason})` : ''}`,
    waits
      ? `waits for ${waits.text}${waits.number ? ` (wait ${waits.number})` : ''}${waits.since ? ` since ${waits.since.slice(11, 19)}` : ''}${waits.deadline ? `, until ${waits.deadline.slice(0, 19)}Z` : ''}`
      : '',
    (waits?.instructions ?? []).map((line, index) => `  ${index + 1}. ${line}`).join('\n'),
    table(
      ['phase', 'step', 'of', 'done', 'attempts'],
      steps.map((s) => [s.phase, s.key, s.subject, s.done ? 'yes' : 'no', s.attempts]),
    ),
    evidence.length > 0
      ? table(
          ['consumer', 'state', 'instances', 'source', 'seen'],
          evidence.map(({ seen, at }) => [
            seen.consumer,
            seen.state,
            seen.instances.map((i) => `${i.generation ?? '?'} (${i.evidence})`).join(', '),
            seen.source,
            at.toISOString().slice(11, 19),
          ]),
        )
      : '',
    audit.map((e) => `${e.at.toISOString().slice(0, 19)}Z  ${e.kind}  ${formatWho(e.who)}${why(e.body)}`).join('\n'),
    legal.length > 0 ? `legal now: ${legal.join(', ')}` : '',
  ];
  const next = rotation.outcome
    ? `keys ${rotation.credential}`
    : waits?.nextCommands[0]
      ? `${waits.nextCommands[0]} '${rotation.id}'`
      : `rotate ${rotation.credential} --wait`;
  return { json: { rotation, steps, evidence, audit, legal }, text: text.filter(Boolean).join('\n'), next };
}

function why({ reason }: JsonObject): string {
  return typeof reason === 'string' ? `  ${reason}` : '';
}
