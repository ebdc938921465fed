/**
 * Owns the record of what the simulators were asked: everything that rekey asks, and the latest of
 * what the apps do.
 */
import { appendFileSync, truncateSync } from 'node:fs';
import { readIfExists } from './durable.js';

export interface RecordedRequest {
  readonly id: number;
  readonly vendor: string;
  readonly method: string;
  /** With query, secrets redacted. */
  readonly path: string;
  /** What the caller was answered; 0 while, or because, it got nothing. */
  status: number;
  readonly at: string;
  durationMs: number;
  readonly from: 'rekey' | 'app';
  /** The worker that asked, when rekey did. */
  readonly pid?: number;
  /** The fault that the request met, and what the simulator itself would have answered. */
  fault?: string;
  handled?: number;
}

/** Which requests are wanted: all of them where nothing is said. */
export interface Asked {
  readonly vendor?: string | undefined;
  readonly from?: 'rekey' | 'app' | undefined;
  /** Those that came behind the one with this id. */
  readonly after?: number | undefined;
  /** As many as this, the newest. */
  readonly last?: number | undefined;
}

/** The apps send a hundred requests a second; their totals are in the traffic counters. */
const APP_REQUESTS_KEPT = 2000;

export class Requests {
  #rekey: RecordedRequest[];
  #apps: RecordedRequest[] = [];
  #next: number;

  constructor(private readonly file: string) {
    this.#rekey = (readIfExists(file) ?? '').split('\n').flatMap(parseLine);
    this.#next = this.#rekey.reduce((highest, { id }) => Math.max(highest, id), 0) + 1;
  }

  /**
   * Shows a request at once, although its answer is still to come: a test may want to see one that
   * is held.
   */
  begin(row: Omit<RecordedRequest, 'id' | 'status' | 'durationMs'>): RecordedRequest {
    const recorded = { id: this.#next++, ...row, path: redact(row.path), status: 0, durationMs: 0 };
    if (row.from === 'rekey') {
      this.#rekey.push(recorded);
    } else {
      this.#apps.push(recorded);
      if (this.#apps.length > 2 * APP_REQUESTS_KEPT) this.#apps.splice(0, APP_REQUESTS_KEPT);
    }
    return recorded;
  }

  end(recorded: RecordedRequest, status: number): void {
    recorded.status = status;
    recorded.durationMs = Date.now() - Date.parse(recorded.at);
    if (recorded.from === 'rekey') appendFileSync(this.file, `${JSON.stringify(recorded)}\n`, { mode: 0o600 });
  }

  list({ vendor, from, after = 0, last }: Asked): RecordedRequest[] {
    const asked = [...(from === 'app' ? [] : this.#rekey), ...(from === 'rekey' ? [] : this.#apps.slice(-APP_REQUESTS_KEPT))]
      .filter((row) => row.id > after && (vendor === undefined || row.vendor === vendor))
      .sort((a, b) => a.id - b.id);
    return last === undefined ? asked : asked.slice(-last);
  }

  clear(): void {
    this.#rekey = [];
    this.#apps = [];
    appendFileSync(this.file, '');
    truncateSync(this.file);
  }
}

/** The last line may be cut where a killed process stopped writing. */
function parseLine(line: string): RecordedRequest[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as RecordedRequest];
  } catch {
    return [];
  }
}

/**
 * Vendors take keys in addresses too: as `api_key=`, and where the key is its own id. UUIDs are ids
 * and stay.
 */
function redact(path: string): string {
  return path
    .replace(/((?:api|application)_key=|x-algolia-api-key=)[^&]*/gi, '$1<redacted>')
    .replace(/(sk-)?[0-9a-f]{32,}/gi, '<redacted>');
}
