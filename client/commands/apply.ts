/** Owns `apply`, `config check` and `config show`: from a file to the ledger, through a workflow. */
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { connectors } from '../../activities/configuration/connectors.js';
import { largestFile, type Parsed, parseConfiguration, type Problem } from '../../activities/configuration/parse.js';
import { type ApplyReport, applyWorkflowId, mainQueue } from '../../workflows/contract.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { connect } from '../connection.js';
import { findInstallation } from '../environment.js';
import { LedgerView } from '../ledger/views.js';
import type { Answer } from '../output.js';

/** Who asks, for the audit: an account of this machine, not a proof. */
export const whoAsks = (): string => `cli:${userInfo().username}`;

function read(file: string): Parsed {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new RekeyError('KR_USAGE', `there is no file ${file}`);
  if (size > largestFile) return { ok: false, problems: [{ file, line: 1, column: 1, path: '', message: `the file has ${size} bytes; at most ${largestFile} are read` }] };
  return parseConfiguration(readFileSync(file, 'utf8'), file, connectors);
}

function problemsAnswer(problems: readonly Problem[]): Answer {
  const lines = problems.map((p) => `${p.file}:${p.line}:${p.column}: ${p.path ? `${p.path}: ` : ''}${p.message}`);
  const message = `${problems.length} problem${problems.length === 1 ? '' : 's'}; nothing was changed`;
  return {
    json: { ok: false, error: { code: 'KR_CONFIG_INVALID', message, cure: 'Correct the places that are named.', problems } },
    text: [...lines, message].join('\n'),
    next: `config check -f ${problems[0]!.file}`,
    exit: 2,
  };
}

export async function check(file: string): Promise<Answer> {
  const parsed = read(file);
  if (!parsed.ok) return problemsAnswer(parsed.problems);
  const count = Object.keys(parsed.configuration.credentials).length;
  return { json: { ok: true, hash: parsed.hash, credentials: count }, text: `${file} is right: ${count} credential${count === 1 ? '' : 's'}`, next: `apply -f ${file}` };
}

export async function apply(file: string): Promise<Answer> {
  const parsed = read(file);
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
    const lines = report.adoptions.map((a) => (a.error ? `${a.credential}: not adopted: ${a.error.message}` : `${a.credential}: generation ${a.generation}${a.adopted ? ', adopted now' : ''}`));
    return {
      json: { ok: failed.length === 0, ...report },
      text: [report.changed ? 'applied' : 'nothing to change', ...lines].join('\n'),
      next: failed.length > 0 ? 'doctor' : 'status',
      exit: failed.length > 0 ? 1 : 0,
    };
  } finally {
    await close();
  }
}

export async function show(): Promise<Answer> {
  const view = await LedgerView.open(findInstallation());
  try {
    const found = await view.configuration();
    if (!found) throw new RekeyError('KR_NOT_FOUND', 'no configuration was applied yet');
    return { json: found.document, text: JSON.stringify(found.document, null, 2), next: 'status' };
  } finally {
    await view.close();
  }
}
