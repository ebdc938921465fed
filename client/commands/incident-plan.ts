/** Owns how a planned incident is shown to whoever is to confirm it. */
import { formatDuration } from '../../workflows/domain/duration.js';
import type { Way } from '../../workflows/domain/incident.js';
import type { ForeseenIncident, PlannedKey } from '../../workflows/domain/incident-plan.js';
import type { Outlook } from '../../workflows/domain/outlook.js';
import { table } from '../output.js';

export function planText({ keys, stores }: ForeseenIncident, way: Way, revokeWithin: number | null): string {
  const lines = keys.map((key) => [
    `${key.credential}#${key.generation}`,
    key.state,
    key.store,
    key.consumers.map(({ host, names }) => `${host}: ${names.join(', ') || 'all'}`).join('; ') || 'none',
    key.openRun,
    key.cannot ?? noteOf(key),
  ]);
  const how =
    way === 'contain'
      ? 'each key dies at once; its programs are refused until they have been handed another one'
      : 'another key first; each dies once every program shows the other one, without calendar, grace or soak';
  const moment =
    revokeWithin === null ? '' : `\nafter ${formatDuration(revokeWithin)} it dies whoever is behind, if another one is proved`;
  const shown = `${way}: ${how}${moment}\n${table(['key', 'state', 'store', 'programs', 'open run', 'note'], lines)}`;
  return stores.length === 0 ? shown : `${shown}\n\n${storesText(stores)}`;
}

function noteOf({ refused, derives, state }: PlannedKey): string {
  if (state === 'revoked') return 'dead already';
  const notes = [refused.length > 0 ? `refused meanwhile: ${refused.join(', ')}` : '', derives ? `with it go ${derives}` : ''];
  return notes.filter(Boolean).join('; ');
}

/** The times hold where everybody answers in time, and nobody waits for a person. */
function storesText(stores: readonly Outlook[]): string {
  const shown = (milliseconds: number | null) => (milliseconds === null ? null : formatDuration(milliseconds));
  const rows = stores.map(({ store, keys, maxKeys, note, firstDeadWithin, doneWithin, refusedFor }) => [
    store,
    keys === null ? null : maxKeys === null ? `${keys}` : `${keys} of ${maxKeys}`,
    shown(firstDeadWithin),
    shown(doneWithin),
    shown(refusedFor),
    note,
  ]);
  return `at the latest, if everybody answers:\n${table(['store', 'keys', 'first dead', 'all done', 'refused for', 'note'], rows)}`;
}
