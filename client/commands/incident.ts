/** Owns the words of `rekey incident`: what is planned, asked, begun, and what came of it. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { formatDuration, parseDuration } from '../../workflows/domain/duration.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { type LeakedKey, type Selection, type Way, ways } from '../../workflows/domain/incident.js';
import type { ForeseenIncident } from '../../workflows/domain/incident-plan.js';
import { timeLeft } from '../../workflows/domain/outlook.js';
import { formatWho } from '../../workflows/domain/who.js';
import { withAccess } from '../local-access.js';
import { type FoundLeaked, findLeaked } from '../operations/find-leaked.js';
import { type HaltInput, haltIncident } from '../operations/halt-incident.js';
import { openIncident } from '../operations/open-incident.js';
import { planIncidentOf } from '../operations/plan-incident.js';
import { followIncident, type IncidentDetails, listIncidents, showIncident } from '../operations/show-incident.js';
import { type TurnedRun, turnBackIncident } from '../operations/turn-back-incident.js';
import { type Answer, table } from '../output.js';
import { planText } from './incident-plan.js';

export interface OpenOptions {
  readonly key: readonly string[];
  readonly store: readonly string[];
  readonly host: readonly string[];
  readonly label: readonly string[];
  readonly list?: string;
  /** A file with a report, or `-`. */
  readonly leaked?: string;
  readonly contain?: boolean;
  readonly rotate?: boolean;
  readonly revokeBy?: string;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
}

export function open(options: OpenOptions): Promise<Answer> {
  return withAccess(async (who, access) => {
    const found = options.leaked === undefined ? null : await findLeaked(who, access, { place: options.leaked });
    if (found) process.stderr.write(foundText(found));
    const selection = selectionOf(options, found);
    if (selection.length === 0) return nothingOfOurs(found!);
    const way = await wayOf(options);
    const revokeWithin = momentOf(options, way);
    const leakedAt = found?.leakedAt ?? new Map<string, string | null>();
    const planned = await planIncidentOf(who, access, { selection, way, revokeWithin, leakedAt, isRead: !options.yes });
    if (planned.unknown.length > 0)
      throw new RekeyError('KR_NOT_FOUND', `nothing that is known here: ${planned.unknown.join(', ')}`);
    const reason = options.reason ?? (await asked('Why', null));
    if (!options.yes && !(await isConfirmed(planned, way, revokeWithin))) return unconfirmed(planned, way, revokeWithin);
    const keys = planned.keys.map(
      ({ credential, generation, leakedAt, reportedAt }): LeakedKey => ({ credential, generation, leakedAt, reportedAt }),
    );
    const plan = { way, reason, revokeWithin, selection, found: found?.found ?? nothingFound, keys };
    const { number } = await openIncident(who, access, { plan });
    return reportOf(
      await (options.wait ? followIncident(who, access, { number }, tell()) : showIncident(who, access, { number })),
    );
  });
}

const nothingFound = { unknownValues: 0, notComparable: 0 };

function selectionOf({ key, store, host, label, list }: OpenOptions, found: FoundLeaked | null): readonly Selection[] {
  const names = list === undefined ? [] : linesOf(list);
  const all = [
    { by: 'key', names: key },
    { by: 'store', names: store },
    { by: 'host', names: host },
    { by: 'label', names: label },
    { by: 'list', names },
  ] as const;
  const said = [...all, ...(found ? [found.selection] : [])].filter((selection) => selection.names.length > 0);
  if (said.length === 0 && !found)
    throw new RekeyError('KR_USAGE', 'say which keys: --leaked, --key, --store, --host, --label or --list');
  return said;
}

function linesOf(file: string): readonly string[] {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** What a report holds besides keys of ours, and what nobody can tell of it. */
function foundText({ selection, found, idOnly, unseen, management, managementUnseen }: FoundLeaked): string {
  const lines = [
    `${selection.names.length} keys of ours, ${found.unknownValues} values of others, ${found.notComparable} findings that cannot be compared`,
    idOnly.length > 0 && `the id was found, and not the secret: ${idOnly.join(', ')}`,
    unseen.length > 0 && `could stand there unrecognized, since their secret is not known here: ${unseen.join(', ')}`,
    ...management.map(
      (setting) => `LEAKED: ${setting}, which rekey works with and cannot replace by itself; docs/runbooks/leak.md`,
    ),
    managementUnseen.length > 0 && `could not be compared by any worker: ${managementUnseen.join(', ')}`,
  ];
  return `${lines.filter(Boolean).join('\n')}\n`;
}

/** A management credential is for a person, whatever else was found. */
function nothingOfOurs({ found, management }: FoundLeaked): Answer {
  const text = management.length > 0 ? 'no key that rekey rotates is among them' : 'nothing of ours is among them';
  const json = { incident: null, state: null, selected: 0, ...found, alreadyDead: 0, management, keys: [] };
  return { json, text, exit: management.length > 0 ? 3 : 0 };
}

/** Without a default: whoever asks has looked at what it means. */
async function wayOf({ contain, rotate }: OpenOptions): Promise<Way> {
  if (contain && rotate) throw new RekeyError('KR_USAGE', 'say one of --contain and --rotate');
  if (contain) return 'contain';
  if (rotate) return 'rotate';
  const said = await asked(
    'rotate (another key first) or contain (it dies now, and programs are refused until they have another)',
    '--rotate or --contain',
  );
  if (!ways.includes(said as Way)) throw new RekeyError('KR_USAGE', `${said} is neither rotate nor contain`);
  return said as Way;
}

function momentOf({ revokeBy }: OpenOptions, way: Way): number | null {
  if (revokeBy === undefined) return null;
  if (way === 'contain') throw new RekeyError('KR_USAGE', '--revoke-by belongs to --rotate: what is contained dies now');
  try {
    return parseDuration(revokeBy);
  } catch (error) {
    throw new RekeyError('KR_USAGE', `--revoke-by: ${(error as Error).message}`);
  }
}

const isTerminal = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** At a terminal; throws KR_USAGE, naming the option, where there is none. */
async function asked(question: string, option: string | null): Promise<string> {
  if (!isTerminal()) throw new RekeyError('KR_USAGE', `say ${option ?? '--reason'}`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const said = (await lines.question(`${question}? `)).trim();
    if (said === '') throw new RekeyError('KR_USAGE', `say ${option ?? '--reason'}`);
    return said;
  } finally {
    lines.close();
  }
}

async function isConfirmed(planned: ForeseenIncident, way: Way, revokeWithin: number | null): Promise<boolean> {
  if (!isTerminal()) return false;
  process.stderr.write(`${planText(planned, way, revokeWithin)}\n`);
  return (await asked('Begin (yes or no)', '--yes')) === 'yes';
}

function unconfirmed(planned: ForeseenIncident, way: Way, revokeWithin: number | null): Answer {
  const json = { ok: false, way, revokeWithin, keys: planned.keys, stores: planned.stores };
  return { json, text: planText(planned, way, revokeWithin), next: 'incident open … --yes', exit: 3 };
}

export async function list(): Promise<Answer> {
  const incidents = await withAccess(listIncidents);
  const rows = incidents.map((i) => [i.number, i.way, i.state, i.selected, i.done, i.failed, i.waiting, i.reason]);
  return {
    json: { incidents },
    text:
      incidents.length > 0 ? table(['number', 'way', 'state', 'keys', 'done', 'failed', 'waiting', 'why'], rows) : 'no incidents',
    next: incidents.length > 0 ? `incident show ${incidents.at(-1)!.number}` : 'status',
  };
}

export async function show(number: string): Promise<Answer> {
  return reportOf(await withAccess((who, access) => showIncident(who, access, { number: numberOf(number) })));
}

export async function watch(number: string): Promise<Answer> {
  return reportOf(await withAccess((who, access) => followIncident(who, access, { number: numberOf(number) }, tell())));
}

/** Each key once for every state that it comes to, on standard error. */
function tell(): (shown: IncidentDetails) => void {
  const told = new Map<string, string>();
  return ({ incident, keys }) => {
    for (const { credential, generation, outcome, dead_at, replaced_at, waits_for } of keys) {
      const name = `${credential}#${generation}`;
      const facts = [dead_at && 'dead', replaced_at && 'replaced', outcome && outcome !== 'done' && outcome];
      const state = facts.filter(Boolean).join(', ') || 'under way';
      const line = outcome === null && waits_for ? `${state}; waits for ${waits_for.text}` : state;
      if (told.get(name) !== line) process.stderr.write(`${name}: ${line}\n`);
      told.set(name, line);
    }
    const counts = `${incident.done} of ${incident.selected} done, ${incident.failed} failed, ${incident.waiting} waiting for a person`;
    const left = timeLeft(incident);
    if (told.get('') !== counts) process.stderr.write(`${counts}${left === null ? '' : `; about ${inSeconds(left)} left`}\n`);
    told.set('', counts);
  };
}

const inSeconds = (milliseconds: number): string => formatDuration(Math.ceil(milliseconds / 1_000) * 1_000);

export interface HaltOptions {
  readonly reason?: string | null;
  /** Of a stop: turns back what may still turn. */
  readonly abort?: boolean;
}

export function halt(number: string, to: HaltInput['to'], { reason = null, abort = false }: HaltOptions): Promise<Answer> {
  return withAccess(async (who, access) => {
    const input = { number: numberOf(number) };
    // What was stopped before can be turned back still.
    const { incident } = await showIncident(who, access, input);
    if (!abort || incident.state !== 'stopped') await haltIncident(who, access, { ...input, to, reason });
    const turned = abort ? await turnBackIncident(who, access, { ...input, reason }) : null;
    const answer = reportOf(await showIncident(who, access, input));
    if (!turned) return answer;
    return { ...answer, json: { ...answer.json, turned }, text: [answer.text, ...turned.map(turnedText)].join('\n') };
  });
}

/** What cannot turn back waits: another incident for its key takes it over. */
function turnedText({ run, whyNot }: TurnedRun): string {
  return whyNot === null ? `${run} turns back` : `${run} does not turn back: ${whyNot}`;
}

export function numberOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new RekeyError('KR_USAGE', 'an incident is named by its number');
  return Number(text);
}

function reportOf({ incident, keys }: IncidentDetails): Answer {
  const json = {
    incident: incident.id,
    state: incident.state,
    selected: incident.selected,
    done: incident.done,
    failed: incident.failed,
    waiting: incident.waiting,
    unknownValues: incident.found.unknownValues,
    notComparable: incident.found.notComparable,
    alreadyDead: incident.already_dead,
    timeLeftMs: timeLeft(incident),
    timeToRevokedMs: timesOf(keys.flatMap(({ revoked_ms: ms }) => (ms === null ? [] : [Math.round(Number(ms))]))),
    keys: keys.map((key) => ({
      credential: key.credential,
      generation: key.generation,
      outcome: key.outcome,
      reportedAt: key.reported_at,
      replacedAt: key.replaced_at,
      deadAt: key.dead_at,
      // Nobody here counts what a vendor refuses.
      refusedRequests: null,
      late: key.late,
      reason: key.reason,
      waitsFor: key.waits_for?.text ?? null,
    })),
  };
  const rows = keys.map((key) => [
    `${key.credential}#${key.generation}`,
    key.outcome ?? key.state,
    key.replaced_at?.toISOString().slice(11, 19) ?? null,
    key.dead_at?.toISOString().slice(11, 19) ?? null,
    key.waits_for?.text ?? key.reason,
  ]);
  const people = keys.filter(({ waits_for }) => waits_for?.person).sort((a, b) => b.programs - a.programs);
  const [waiting] = people;
  const asked = people.map(
    ({ open_run: run, waits_for, programs }) => `${run} waits for ${waits_for!.text}; ${programs} programs behind it`,
  );
  const head = `${incident.id}: ${incident.way}, ${incident.state}, opened by ${formatWho(incident.opened_by)} (${incident.reason})`;
  return {
    json,
    text: [head, table(['key', 'outcome', 'replaced', 'dead', 'waits for, or why'], rows), ...asked].join('\n'),
    next: waiting ? `show '${waiting.open_run}'` : `incident show ${incident.number}`,
    exit: incident.failed > 0 ? 1 : incident.waiting > 0 ? 3 : 0,
  };
}

function timesOf(times: readonly number[]): { median: number | null; p95: number | null; last: number | null } {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  return { median: at(0.5), p95: at(0.95), last: sorted.at(-1) ?? null };
}
