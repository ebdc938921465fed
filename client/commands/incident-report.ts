/** Owns the words of `rekey incident report`: for a terminal, and as a page to print. */
import { formatDuration } from '../../workflows/domain/duration.js';
import { formatWho } from '../../workflows/domain/who.js';
import { withAccess } from '../local-access.js';
import { type IncidentRecord, reportIncident, type Without } from '../operations/report-incident.js';
import { type Answer, table } from '../output.js';
import { numberOf } from './incident.js';

export async function report(number: string, { html }: { readonly html?: boolean }): Promise<Answer> {
  const record = await withAccess((who, access) => reportIncident(who, access, { number: numberOf(number) }));
  return { json: record, text: html ? pageOf(record) : textOf(record) };
}

interface Part {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

function textOf(record: IncidentRecord): string {
  const parts = partsOf(record).filter(({ rows }) => rows.length > 0);
  return [summaryOf(record), ...parts.map(({ title, head, rows }) => `\n${title}\n${table(head, rows)}`)].join('\n');
}

/** One that stands alone: nothing is loaded, and nothing of the ledger is markup. */
export function pageOf(record: IncidentRecord): string {
  const cells = (tag: string, row: readonly (string | null)[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escaped(cell ?? '–')}</${tag}>`).join('')}</tr>`;
  const parts = partsOf(record).map(
    ({ title, head, rows }) =>
      `<h2>${escaped(title)}</h2><table>${cells('th', head)}${rows.map((row) => cells('td', row)).join('')}</table>`,
  );
  const title = escaped(record.incident.id);
  const style =
    'body{font:14px sans-serif}table{border-collapse:collapse}td,th{border:1px solid #999;padding:4px;text-align:left}';
  const head = `<meta charset="utf-8"><title>${title}</title><style>${style}</style>`;
  return `<!doctype html><html lang="en">${head}<h1>${title}</h1><p>${escaped(summaryOf(record))}</p>${parts.join('')}</html>`;
}

function summaryOf({ incident }: IncidentRecord): string {
  const { id, way, state, opened_by: by, opened_at: at, reason, selected, done, failed } = incident;
  const counts = `${done} of ${selected} keys dead and replaced, ${failed} failed`;
  return `${id}: ${way}, ${state}; opened ${moment(at)} by ${formatWho(by)}: ${reason}; ${counts}`;
}

function partsOf({ keys, decisions }: IncidentRecord): readonly Part[] {
  return [
    {
      title: 'Keys',
      head: ['key', 'leaked', 'reported', 'replaced', 'dead', 'outcome'],
      rows: keys.map((key) => [
        `${key.credential}#${key.generation}`,
        ...[key.leaked_at, key.reported_at, key.replaced_at, key.dead_at].map(moment),
        [key.outcome ?? 'open', key.reason ?? key.waits_for?.text].filter(Boolean).join(': '),
      ]),
    },
    {
      title: 'Programs that were without a key',
      head: ['program', 'of', 'from', 'for'],
      rows: keys.flatMap(({ credential, without }) =>
        without.map((one) => [one.consumer, credential, moment(one.since), lasted(one)]),
      ),
    },
    {
      title: 'Decisions',
      head: ['at', 'by', 'of', 'what', 'why'],
      rows: decisions.map(({ at, who, credential, kind, verb, reason }) => [
        moment(at),
        formatWho(who),
        credential,
        verb ?? kind,
        reason,
      ]),
    },
  ];
}

const lasted = ({ since, until }: Without): string =>
  until === null ? 'it has none yet' : formatDuration(until.getTime() - since.getTime());

const moment = (at: Date | null): string | null => (at === null ? null : `${at.toISOString().slice(0, 19)}Z`);

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
