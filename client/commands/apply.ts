/**
 * Owns the words of `apply`, `config check` and `config show`, and the reading of the file that
 * they are given.
 */
import { connectors } from '../../activities/configuration/connectors.js';
import { formatConfiguration } from '../../activities/configuration/explain.js';
import { loadConfiguration } from '../../activities/configuration/load.js';
import { formatProblem, type Problem } from '../../activities/configuration/parse.js';
import type { ApplyReport } from '../../workflows/contract.js';
import { inWords } from '../../workflows/domain/attributes.js';
import { withAccess } from '../local-access.js';
import { applyConfiguration } from '../operations/apply-configuration.js';
import { showConfiguration } from '../operations/show-configuration.js';
import type { Answer } from '../output.js';

export function problemsAnswer(problems: readonly Problem[]): Answer {
  const lines = problems.map(formatProblem);
  const message = `${problems.length} problem${problems.length === 1 ? '' : 's'}; nothing was changed`;
  return {
    json: { ok: false, error: { code: 'KR_CONFIG_INVALID', message, remedy: 'Correct the places that are named.', problems } },
    text: [...lines, message].join('\n'),
    next: `config check -f ${problems[0]!.file}`,
    exit: 2,
  };
}

export async function check(file: string): Promise<Answer> {
  const parsed = await loadConfiguration(file, connectors);
  if (!parsed.ok) return problemsAnswer(parsed.problems);
  const count = Object.keys(parsed.configuration.credentials).length;
  return {
    json: { ok: true, hash: parsed.hash, credentials: count },
    text: `${file} is right: ${count} credential${count === 1 ? '' : 's'}`,
    next: `apply -f ${file}`,
  };
}

export async function apply(file: string): Promise<Answer> {
  const parsed = await loadConfiguration(file, connectors);
  if (!parsed.ok) return problemsAnswer(parsed.problems);
  const { configuration, hash } = parsed;
  const report = await withAccess((who, access) => applyConfiguration(who, access, { configuration, hash }));
  const failed = report.adoptions.filter((a) => a.error);
  const lines = report.adoptions.map((a) =>
    a.error
      ? `${a.credential}: not adopted: ${a.error.message}`
      : `${a.credential}: generation ${a.generation}${a.adopted ? ', adopted now' : ''}`,
  );
  const unseen = report.attributes.filter(({ problem }) => problem !== null);
  const ok = failed.length === 0 && unseen.length === 0;
  return {
    json: { ok, ...report },
    text: [report.changed ? 'applied' : 'nothing to change', ...lines, ...report.attributes.map(lineOf)].join('\n'),
    next: ok ? 'status' : 'doctor',
    exit: ok ? 0 : 1,
  };
}

/** What becomes of a key that is not as it is declared. */
function lineOf({ credential, problem, differences, widens, started }: ApplyReport['attributes'][number]): string {
  if (problem) return `${credential}: its attributes are not made so: ${problem}`;
  const what = `${credential}: its key differs, ${inWords(differences)}`;
  if (!started) return `${what}; left alone, since a rotation of it is open: apply again when that has ended`;
  if (widens.length === 0) return `${what}; it is being changed: rekey show ${credential}`;
  return `${what}; that opens something (${widens.join('; ')}), so it waits for an approval: rekey show ${credential}`;
}

export async function show(): Promise<Answer> {
  const document = await withAccess(showConfiguration);
  return { json: document, text: formatConfiguration(document), next: 'status' };
}
