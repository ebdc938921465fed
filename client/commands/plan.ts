/** Owns `rekey plan`: what a rotation would do, without doing it. */
import { formatDuration } from '../../workflows/domain/duration.js';
import { planWaves } from '../../workflows/domain/waves.js';
import { withView } from '../ledger/views.js';
import type { Answer } from '../output.js';

export function plan(name: string): Promise<Answer> {
  return withView(async (view) => {
    const { spec, generation, next_due } = await view.credential(name);
    const list = spec.consumers.kind === 'list' ? spec.consumers.list : [];
    const waves = planWaves(list, spec.rollout);
    const who =
      spec.consumers.kind === 'all'
        ? `every app that ${spec.store} says uses the key, on ${spec.consumers.host}`
        : list.map((c) => c.name).join(', ') || 'none';
    const { policy } = spec;
    const { compared, lookAtKey } = await import('./attributes.js');
    const key = generation === null ? null : await lookAtKey(name, spec.store);
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
  });
}
