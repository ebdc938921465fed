/** Owns what a report of leaked values says about this installation. */
import type { FoundCounts, Selection } from '../../workflows/domain/incident.js';
import type { Who } from '../../workflows/domain/who.js';
import { openReport } from '../leaks/open-report.js';
import { readReport } from '../leaks/report.js';
import type { Access } from './access.js';
import { matchLeaks } from './match-leaks.js';
import { recognizeManagement } from './recognize-management.js';

export interface FoundLeaked {
  /** Versions by `name#generation`, the dead ones too. */
  readonly selection: Selection;
  /** When each of them leaked, as it was reported. */
  readonly leakedAt: ReadonlyMap<string, string | null>;
  readonly found: FoundCounts;
  /** Versions whose id was found and whose secret was not: nobody has learned anything. */
  readonly idOnly: readonly string[];
  /** Versions that could stand in the report unrecognized, since rekey never saw their secret. */
  readonly unseen: readonly string[];
  /** Credentials that rekey itself works with, by their settings. */
  readonly management: readonly string[];
  /** Those that no worker could compare. */
  readonly managementUnseen: readonly string[];
}

/** `place`: a file, or `-`. Throws KR_LEAKS_UNREADABLE. */
export async function findLeaked(who: Who, access: Access, { place }: { readonly place: string }): Promise<FoundLeaked> {
  const report = await readReport(openReport(place));
  const digests = new Set(report.values.flatMap(({ forms }) => forms.map(({ digest }) => digest)));
  // One after the other: both ask the ledger over one connection.
  const matches = await matchLeaks(who, access, report);
  const management = await recognizeManagement(who, access, { digests });
  const all = [...matches.live, ...matches.alreadyDead].map((key) => ({ ...key, name: `${key.credential}#${key.generation}` }));
  const isIdOnly = ({ recognizedBy, secretKnown }: (typeof all)[number]) => recognizedBy === 'key-id' && secretKnown;
  const leaked = all.filter((key) => !isIdOnly(key));
  return {
    selection: { by: 'leaked', names: leaked.map(({ name }) => name) },
    leakedAt: new Map(leaked.map(({ name, leakedAt }) => [name, leakedAt])),
    found: {
      // Of a finding of several parts more than one may be ours.
      unknownValues: Math.max(0, matches.unknownValues - management.values),
      notComparable: Object.values(matches.notComparable.inReport).reduce((sum, count) => sum + count, 0),
    },
    idOnly: all.filter(isIdOnly).map(({ name }) => name),
    unseen: matches.notComparable.versions,
    management: management.leaked,
    managementUnseen: management.notComparable,
  };
}
