/**
 * Somebody reaches Temporal without our keys: whatever that one sends or answers, vendors and
 * ledger see what they see when nobody does, nothing is revealed, and rotations complete.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Attacker, forged, garbage } from '../support/attacker.js';
import { expectOverlapConverged, strangersOf } from '../support/converged.js';
import { Lane } from '../support/lane.js';
import { say } from '../support/moments.js';
import { tester } from '../support/who.js';

const agents = 'datadog/agents' as const;
const workflow = `rotation/${agents}`;
const order = (credential: string) => ({ id: randomUUID(), credential, options: { without: [] }, by: tester });

let lane: Lane;
let attacker: Attacker;
beforeAll(async () => {
  lane = await Lane.start();
  attacker = new Attacker(lane);
});
afterAll(() => lane?.stop());
afterEach(async () => {
  await lane.client.workflow
    .getHandle(workflow)
    .terminate('the case is over')
    .catch(() => undefined);
});

type Payloads = NonNullable<Parameters<Attacker['start']>[2]>;

/** What the vendors were told and what the ledger holds, in words that every run has in common. */
async function seen(): Promise<object> {
  const requests = await lane.ask<{ method: string; path: string; from: string }[]>('GET', '/requests?vendor=datadog');
  const told = requests.filter(({ method, from }) => from === 'rekey' && method !== 'GET');
  const { rows: steps } = await lane.database.query('select key, outcome is not null as done from steps order by key');
  const { rows: runs } = await lane.database.query('select id, outcome, direction, reason from runs order by id');
  const { rows: said } = await lane.database.query('select verb, effect from verbs order by accepted_at');
  return { told: told.map(({ method, path: at }) => `${method} ${at.replace(/[0-9a-f-]{8,}/g, 'ID')}`), steps, runs, said };
}

/** A rotation that nobody disturbs; what its start was on the wire. */
async function undisturbed(credential: 'datadog/agents' | 'soar/enrichment' = agents): Promise<Payloads> {
  const { firstExecutionRunId } = await lane.rotate(credential);
  await lane.settled(credential);
  const [started] = await attacker.history(`rotation/${credential}`, firstExecutionRunId);
  return started!.workflowExecutionStartedEventAttributes!.input!.payloads!;
}

describe('a start', () => {
  it('that is forged, empty, garbage, or was captured, is none', async () => {
    await lane.fresh([agents, 'soar/enrichment']);
    const earlier = await undisturbed();
    const other = await undisturbed('soar/enrichment');
    const before = await seen();
    const forms: Readonly<Record<string, Payloads>> = {
      forged: [forged(order(agents))],
      enveloped: [forged({ kind: 'start', of: 'rotateOverlap', nonce: randomUUID(), body: [order(agents)] })],
      empty: [],
      'nothing in it': [{}],
      garbage: [garbage],
      'of an earlier run': earlier,
      'of another credential': other,
    };
    for (const [name, payloads] of Object.entries(forms)) {
      await attacker.start(workflow, 'rotateOverlap', payloads);
      expect([name, await attacker.outcomeOf(workflow)]).toEqual([name, 'FAILED']);
    }
    expect(await seen()).toEqual(before);
  });

  it('of an apply runs no command, and one that was captured sets no configuration back', async () => {
    await lane.fresh([agents]);
    const [started] = await attacker.history('apply');
    const captured = started!.workflowExecutionStartedEventAttributes!.input!.payloads!;
    await lane.apply((text) => text.replace('grace: 2s', 'grace: 3s'));
    const applied = () => lane.database.query('select hash from configurations order by position');
    const before = (await applied()).rows;
    const { configuration } = (await lane.database.query('select document as configuration from configurations limit 1'))
      .rows[0] as { configuration: { stores: Record<string, { settings: { management: { apiKey: string } } }> } };
    const touched = path.join(lane.folder, 'touched');
    configuration.stores.datadog!.settings.management.apiKey = `exec:touch ${touched}`;
    const evil = { id: randomUUID(), configuration, hash: 'h', by: tester };
    for (const payloads of [[forged(evil)], captured]) {
      await attacker.start('apply', 'applyConfiguration', payloads);
      expect(await attacker.outcomeOf('apply')).toBe('FAILED');
    }
    expect((await applied()).rows).toEqual(before);
    expect(existsSync(touched)).toBe(false);
  });

  it('of what a schedule fires is harmless, whatever comes with it', async () => {
    await lane.fresh([agents]);
    await undisturbed();
    const before = await seen();
    for (const name of ['sweep', 'startDueRotations'])
      for (const payloads of [[], [garbage], [forged([{ credential: agents, sequence: 'overlap', options: { without: [] } }])]]) {
        await attacker.start(`${name}-of-somebody`, name, payloads);
        expect(await attacker.outcomeOf(`${name}-of-somebody`)).toBe('COMPLETED');
      }
    expect(await seen()).toEqual(before);
  });
});

/** A rotation that waits for an approval before it begins. */
async function atGate(): Promise<void> {
  await lane.rotate(agents);
  await lane.until('the gate', async () => (await lane.rotation(agents))?.waits_for?.person);
}

/** The updates that a workflow has taken, as they were on the wire. */
async function captured(
  runId?: string,
): Promise<readonly { readonly name: string; readonly id: string; readonly payloads: Payloads }[]> {
  const events = await attacker.history(workflow, runId);
  return events.flatMap(({ workflowExecutionUpdateAcceptedEventAttributes: taken }) =>
    taken
      ? [
          {
            name: taken.acceptedRequest!.input!.name!,
            id: taken.acceptedRequest!.meta!.updateId!,
            payloads: taken.acceptedRequest!.input!.args!.payloads!,
          },
        ]
      : [],
  );
}

describe('at a gate', () => {
  it('no update, signal or query of somebody else is heard, and the true approval is', async () => {
    await lane.fresh([agents], (text) => text.replace('grace: 2s', 'grace: 2s, approve: [start]'));
    const strangers = await strangersOf(lane);
    await atGate();
    await say(lane, agents, 'approve');
    await lane.settled(agents);
    const earlier = await captured();
    expect(earlier.map(({ name }) => name)).toContain('approve');

    await atGate();
    await say(lane, agents, 'pause');
    await say(lane, agents, 'resume');
    const before = await seen();
    const approval = {
      run: (await lane.rotation(agents))!.id,
      by: tester,
      expectedPhase: null,
      wait: null,
      reason: null,
      consumer: null,
    };
    const id = randomUUID();
    expect(await attacker.update(workflow, 'approve', [forged(approval)])).toBe('KR_MESSAGE_REFUSED');
    const enveloped = forged({ kind: 'update', of: 'approve', nonce: id, body: [approval] });
    expect(await attacker.update(workflow, 'approve', [enveloped], id)).toBe('KR_MESSAGE_REFUSED');
    for (const payloads of [[], [{}], [garbage], [garbage, garbage]])
      expect(await attacker.update(workflow, 'approve', payloads)).toBe('KR_MESSAGE_REFUSED');
    for (const { name, id: said, payloads } of [...earlier, ...(await captured())])
      for (const as of [name, 'approve', 'abort', 'provide']) {
        expect(await attacker.update(workflow, as, payloads)).not.toBeNull();
        // Temporal answers an update that it knows from its own books: nothing is done again.
        if (earlier.some((one) => one.id === said)) expect(await attacker.update(workflow, as, payloads, said)).not.toBeNull();
      }
    for (const payloads of [[], [garbage], [forged(approval)]]) await attacker.signal(workflow, payloads);
    for (const payloads of [[], [garbage], [forged({ kind: 'query', of: 'legalVerbs', nonce: 'n', body: [] })]])
      expect(await attacker.query(workflow, 'legalVerbs', payloads)).toContain('Encoded failure');
    for (const name of ['__stack_trace', '__temporal_workflow_metadata', '__enhanced_stack_trace'])
      expect(await attacker.query(workflow, name, [])).not.toMatch(/rotateOverlap|passGate|datadog|approve/);
    expect(await seen()).toEqual(before);

    await say(lane, agents, 'approve');
    await expectOverlapConverged(lane, await lane.settled(agents), strangers);
  });
});
