/**
 * A rotation that an older release began is finished by this one: from its ledger, with its
 * workflow gone, and with the journal that it wrote.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mainQueue } from '../../workflows/contract.js';
import { expectOverlapConverged } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { journalOf, recordedJournal } from './journal.js';
import { restore } from './snapshot.js';

const credential = 'datadog/agents';
const folder = path.join(import.meta.dirname, 'releases');
const releases = readdirSync(folder).filter((name) => name.endsWith('.json'));
let lane: Lane | undefined;
afterEach(() => lane?.stop());

describe('an installation of an older release, stopped while a rotation waited for its approval', () => {
  it('is there for each release', () => expect(releases).toContain('0.1.0.json'));

  it.each(releases)('%s: goes on, is approved and ends with everybody on the new key', async (release) => {
    const text = readFileSync(path.join(folder, release), 'utf8');
    lane = await Lane.restored(['datadog', 'soar', 'docspace'], (place) => restore(text, place));
    const before = (await lane.rotation(credential))!;
    expect(before).toMatchObject({ phase: 'draining', outcome: null });
    const { rows: ours } = await lane.database.query<{ key_id: string }>('select key_id from versions');
    const strangers = (await lane.keys('datadog')).filter((k) => k.state === 'live' && !ours.some((o) => o.key_id === k.id));

    // As the schedule does, every half a minute.
    await lane.client.workflow.execute('sweep', { workflowId: 'sweep-at-once', taskQueue: mainQueue });
    // What it waits for stands in the ledger still; the new run hears of an approval once it has
    // come to its gate.
    await lane.until('the approval to be taken', () => say(lane!, credential, 'approve').catch(() => undefined));
    const ended = await lane.until('its end', async () => {
      const now = (await lane!.rotation(credential))!;
      return now.outcome ? now : undefined;
    });
    expect([ended.id, Number(ended.fence)]).toEqual([before.id, Number(before.fence) + 1]);
    await expectOverlapConverged(
      lane,
      ended,
      strangers.map((k) => k.id),
    );
    const minted = await lane.database.query(`select 1 from intents where kind = 'mint'`);
    expect(minted.rowCount).toBe(1);
  });
});

describe('the journal', () => {
  it('names its steps and what they hold as it always did: open rotations of older releases are carried on by it', async () => {
    lane = await Lane.start(['datadog', 'soar', 'docspace']);
    await lane.fresh(['datadog/agents', 'soar/enrichment', 'docspace/exports']);
    expect(await journalOf(lane)).toEqual(recordedJournal());
  });
});
