/**
 * Owns `apply`, `config check` and `config show`: from a file to the ledger, through a workflow.
 */
import { connectors } from '../../activities/configuration/connectors.js';
import { formatConfiguration } from '../../activities/configuration/explain.js';
import { loadConfiguration } from '../../activities/configuration/load.js';
import { formatProblem, type Problem } from '../../activities/configuration/parse.js';
import { type ApplyReport, applyWorkflowId, mainQueue } from '../../workflows/contract.js';
import { inWords } from '../../workflows/domain/attributes.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { connect } from '../connection.js';
import { findInstallation, whoAsks } from '../environment.js';
import { withView } from '../ledger/views.js';
import type { Answer } from '../output.js';

/** Who asks, for the audit: an account of this machine, not a proof. */

function problemsAnswer(problems: readonly Problem[]): Answer {
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
  const { client, close } = await connect(findInstallation());
  try {
    const report = (await client.workflow.execute('applyConfiguration', {
      workflowId: applyWorkflowId,
      taskQueue: mainQueue,
      workflowTaskTimeout: '2s',
      args: [{ configuration: parsed.configuration, hash: parsed.hash, by: whoAsks() }],
    })) as ApplyReport;
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
  } finally {
    await close();
  }
}

/** What becomes of a key that is not as it is declared. */
function lineOf({ credential, problem, differences, widens, started }: ApplyReport['attributes'][number]): string {
  if (problem) return `${credential}: its attributes are not made so: ${problem}`;
  const what = `${credential}: its key differs, ${inWords(differences)}`;
  if (!started) return `${what}; left alone, since a rotation of it is open: apply again when that has ended`;
  if (widens.length === 0) return `${what}; it is being changed: rekey show ${credential}`;
  return `${what}; that opens something (${widens.join('; ')}), so it waits for an approval: rekey show ${credential}`;
}

export function show(): Promise<Answer> {
  return withView(async (view) => {
    const found = await view.configuration();
    if (!found) throw new RekeyError('KR_NOT_FOUND', 'no configuration was applied yet');
    return { json: found.document, text: formatConfiguration(found.document), next: 'status' };
  });
}
