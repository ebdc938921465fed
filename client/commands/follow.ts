/**
 * Owns the words for a run that is followed: its progress on standard error, and what came of it.
 */
import type { JoinReceipt } from '../../workflows/contract.js';
import { sequenceOf } from '../../workflows/domain/states.js';
import type { Who } from '../../workflows/domain/who.js';
import type { Access } from '../operations/access.js';
import { type FollowedRun, followRun, type RunProgress } from '../operations/follow-run.js';
import type { Patience } from '../operations/start-run.js';
import type { Answer } from '../output.js';

/** Begins a run, however long that takes, and tells what happens until it needs nobody more. */
export async function follow(who: Who, access: Access, begin: (patience: Patience) => Promise<JoinReceipt>): Promise<Answer> {
  const { run } = await begin({ onUnserved: (detail) => process.stderr.write(`${detail}\n`) });
  let told = '';
  const followed = await followRun(who, access, { run }, (progress) => {
    const line = lineOf(progress);
    if (line !== told) process.stderr.write(`${line}\n`);
    told = line;
  });
  return report(followed);
}

function lineOf(progress: RunProgress): string {
  switch (progress.kind) {
    case 'step-done': {
      const { phase, kind, subject } = progress.step;
      return `${phase.padEnd(13)} ${kind}${subject ? ` ${subject}` : ''}: done`;
    }
    case 'waits':
      return `${progress.run.phase.padEnd(13)} waits for ${progress.run.waits_for?.text}`;
    case 'ledger-away':
      return `${progress.detail}; the rotation waits and goes on`;
  }
}

function report({ run: rotation, cost }: FollowedRun): Answer {
  const seconds = Math.round(Number(rotation.seconds) * 10) / 10;
  const json = {
    rotation: rotation.id,
    credential: rotation.credential,
    strategy: sequenceOf(rotation),
    phase: rotation.phase,
    outcome: rotation.outcome,
    generation: rotation.generation ?? rotation.previous_generation,
    seconds,
    downtimeMs: rotation.downtime_ms,
    ...cost,
    reason: rotation.reason,
  };
  if (rotation.outcome === null) {
    const exit = rotation.waits_for?.nextCommands[0] ?? 'show';
    return { json, text: `${rotation.id} waits for ${rotation.waits_for?.text}`, next: `${exit} '${rotation.id}'`, exit: 3 };
  }
  const why = rotation.reason ? `: ${rotation.reason}` : '';
  const down = rotation.downtime_ms === null ? '' : `, ${rotation.downtime_ms} ms down`;
  return {
    json,
    text: `${rotation.id} ${rotation.outcome} in ${seconds} s${down}${why}`,
    next:
      rotation.outcome !== 'completed'
        ? `show '${rotation.id}'`
        : `${rotation.kind === 'update' ? 'attributes show' : 'keys'} ${rotation.credential}`,
    exit: rotation.outcome === 'completed' ? 0 : rotation.outcome === 'refused' ? 4 : 1,
  };
}
