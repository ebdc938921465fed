/** Owns the words of `rekey doctor`: what is wrong with this installation, and the remedy. */
import { withAccess } from '../local-access.js';
import { diagnose } from '../operations/diagnose.js';
import { type Answer, table } from '../output.js';

export async function doctor(): Promise<Answer> {
  const checks = await withAccess(diagnose);
  const ok = checks.every((check) => check.ok);
  return {
    json: { ok, checks },
    text: table(
      ['check', '', 'what was found', 'remedy'],
      checks.map((c) => [c.what, c.ok ? 'ok' : 'WRONG', c.detail, c.remedy]),
    ),
    next: ok ? 'status' : 'up',
    exit: ok ? 0 : 1,
  };
}
