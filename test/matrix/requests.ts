/**
 * Owns the record of what rotations asked of vendors and hosts, each request with the step that
 * asked it.
 */
import { inject } from 'vitest';
import { dataConverter } from '../../client/codec.js';
import type { Lane } from '../support/lane.js';
import { programsOf } from '../support/programs.js';
import { workflowIn } from '../support/workflow.js';

export type Credential =
  | 'datadog/agents'
  | 'docspace/exports'
  | 'soar/enrichment'
  | 'soar/ticketing'
  | 'algolia/indexing'
  | 'dnn/site-apps';
export const vendorsOf: Readonly<Record<Credential, readonly string[]>> = {
  'datadog/agents': ['datadog', 'host'],
  'docspace/exports': ['docspace', 'host'],
  'soar/enrichment': ['soar'],
  'soar/ticketing': ['soar'],
  'algolia/indexing': ['algolia', 'host'],
  'dnn/site-apps': ['dnn', 'host'],
};

export interface RequestShown {
  readonly id: number;
  readonly vendor: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly at: string;
  readonly from: 'rekey' | 'app';
  readonly pid?: number;
  readonly fault?: string;
}

/**
 * From when an activity was ordered until it was done, all its attempts included, by Temporal's
 * clock; it is this machine's, like the sandbox's.
 */
interface Window {
  readonly step: string;
  /** Other steps that were under way when a request came: one that is cancelled may still ask. */
  readonly besides: readonly string[];
  readonly key: string;
  readonly consumer: string | null;
  readonly from: number;
  readonly to: number;
}

export interface Placed extends RequestShown {
  readonly window: Window;
}

export const pathOf = (request: RequestShown): string => request.path.split('?', 1)[0]!;

/** The newest request so far; what a rotation asks comes behind it. */
export async function lastRequest(lane: Lane): Promise<number> {
  const [newest] = await lane.ask<RequestShown[]>('GET', '/requests?from=rekey&last=1');
  return newest?.id ?? 0;
}

/**
 * What the newest rotation of the credential has asked since, each request with the step that asked
 * it.
 */
export async function asked(lane: Lane, credential: Credential, since: number): Promise<readonly Placed[]> {
  const windows = await windowsOf(lane, credential);
  const ours = new RegExp(concerning(credential));
  const requests = (await lane.ask<RequestShown[]>('GET', `/requests?from=rekey&after=${since}`)).filter(
    (r) => vendorsOf[credential].includes(r.vendor) && ours.test(r.path),
  );
  return requests.flatMap((request) => {
    const window = windowOf(request, windows);
    return window ? [{ ...request, window }] : [];
  });
}

/**
 * The paths of a credential's vendors, without those of the programs of other credentials, which
 * the same host runs.
 */
export const concerning = (credential: Credential): string =>
  `^/hosts/apps/(${programsOf(credential).join('|')})/|^/(?!hosts/apps/)`;

/** Apps are called by their names in activities and by their numbers in SOAR's paths. */
const appNumbers: Readonly<Record<string, string>> = { '101': 'enrichment', '102': 'phishing', '103': 'ticketing' };

/** Steps that change nothing outside: a change is none of theirs, whatever was side by side. */
const looks = ['preflight', 'prove', 'await-stopped', 'confirm', 'inspect', 'drain', 'soak', 'prove-dead'];

function windowOf(request: RequestShown, windows: readonly Window[]): Window | undefined {
  const at = Date.parse(request.at);
  const app = /\/apps\/([^/]+)/.exec(pathOf(request))?.[1];
  const subject = app === undefined ? null : (appNumbers[app] ?? app);
  const fitting = windows.filter(
    (w) =>
      w.from - 2 <= at &&
      at <= w.to + 2 &&
      (w.consumer === null || subject === null || w.consumer === subject) &&
      (request.method === 'GET' || !looks.includes(w.step)),
  );
  const found = fitting.at(-1);
  // Where two activities side by side ask the same, neither is known to repeat it.
  const besides = fitting.map((w) => w.step).filter((step) => step !== found?.step);
  return fitting.length === 1 ? found : found && { ...found, besides, key: `${found.key} or another: ${request.id}` };
}

async function windowsOf(lane: Lane, credential: Credential): Promise<readonly Window[]> {
  const { events = [] } = await (await workflowIn(lane, credential)).fetchHistory();
  const codec = dataConverter(inject('servers').keys).payloadCodecs[0]!;
  const time = (event: { eventTime?: { seconds?: unknown; nanos?: number | null } | null }) =>
    Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
  const ends = new Map<string, number>();
  for (const event of events ?? []) {
    const scheduled =
      event.activityTaskCompletedEventAttributes?.scheduledEventId ??
      event.activityTaskFailedEventAttributes?.scheduledEventId ??
      event.activityTaskTimedOutEventAttributes?.scheduledEventId ??
      event.activityTaskCanceledEventAttributes?.scheduledEventId;
    if (scheduled != null) ends.set(String(scheduled), time(event));
  }
  const windows: Window[] = [];
  for (const event of events ?? []) {
    const payloads = event.activityTaskScheduledEventAttributes?.input?.payloads;
    if (!payloads) continue;
    const [decoded] = await codec.decode(payloads as never);
    const { body } = JSON.parse(Buffer.from(decoded!.data!).toString()) as {
      body: readonly [{ step: { kind: string; key: string }; consumer?: string }];
    };
    const [input] = body;
    windows.push({
      step: input.step.kind,
      besides: [],
      key: input.step.key,
      consumer: input.consumer ?? null,
      from: time(event),
      to: ends.get(String(event.eventId)) ?? Number.POSITIVE_INFINITY,
    });
  }
  return windows;
}
