/** Owns the words of `rekey plan`: what a rotation would do, without doing it. */
import { formatDuration } from '../../workflows/domain/duration.js';
import { withAccess } from '../local-access.js';
import { planRotation } from '../operations/plan-rotation.js';
import type { Answer } from '../output.js';
import { compared } from './key-look.js';

export async function plan(name: string): Promise<Answer> {
  const { credential, waves, key } = await withAccess((who, access) => planRotation(who, access, { credential: name }));
  const { spec, generation, next_due } = credential;
  const who =
    spec.consumers.kind === 'all'
      ? `every app that ${spec.store} says uses the key, on ${spec.consumers.host}`
      : (spec.consumers.kind === 'list' && spec.consumers.list.map((c) => c.name).join(', ')) || 'none';
  const { policy } = spec;
  const lines = [
    `${name}: ${spec.strategy} in ${spec.store}, generation ${generation ?? 'none yet'}`,
    `consumers: ${who}`,
    spec.strategy === 'overlap'
      ? `waves: ${waves.map((w) => `${w.number}. ${w.consumers.map((c) => c.name).join(', ')}`).join('; ')}, each followed by ${formatDuration(spec.rollout.bake)}`
      : `downtime: all consumers are stopped from before the change until they are deployed again${policy.downtime ? `; at most ${formatDuration(policy.downtime)} are acceptable` : ''}`,
    spec.strategy === 'overlap'
      ? `the old key goes after ${formatDuration(policy.grace)} of grace and ${formatDuration(policy.soak)} of soak, on evidence "${policy.evidence}"`
      : '',
    ...(key ? compared(key) : []),
    `approvals: ${policy.approve.join(', ') || 'none'}; next due: ${next_due?.toISOString() ?? 'when asked'}`,
  ];
  return {
    json: { name, generation, spec, waves, nextDue: next_due, key },
    text: lines.filter(Boolean).join('\n'),
    next: `rotate ${name} --wait`,
  };
}
