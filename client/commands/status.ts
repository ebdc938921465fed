/**
 * Owns `rekey status`: every credential, what its rotation waits for, and which services answer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { requireReachable } from '../connection.js';
import { findInstallation, homeFolder, readState } from '../environment.js';
import { LedgerView, withView } from '../ledger/views.js';
import { type Answer, asRekeyError, table } from '../output.js';

interface ServiceShown {
  readonly pid: number | null;
  readonly state: string;
}

/** What `up` wrote down, held against what answers now. */
async function services(): Promise<Readonly<Record<string, ServiceShown>>> {
  const { services: recorded = {} } = readState(homeFolder()) as { services?: Record<string, { pid: number; state: string }> };
  const shown: Record<string, ServiceShown> = {};
  for (const [name, { pid, state }] of Object.entries(recorded)) shown[name] = { pid, state: isAlive(pid) ? state : 'away' };
  const installation = findInstallation();
  const probes = {
    postgres: LedgerView.open(installation).then((view) => view.close()),
    temporal: requireReachable('Temporal', installation.temporalAddress),
  };
  for (const [name, probe] of Object.entries(probes)) {
    const answers = await probe.then(
      () => true,
      () => false,
    );
    shown[name] = { pid: shown[name]?.pid ?? null, state: answers ? 'running' : 'away' };
  }
  return shown;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}

export async function status(name: string | undefined): Promise<Answer> {
  const running = await services();
  try {
    return await withView(async (view) => {
      if (name) await view.credential(name);
      const credentials = (await view.credentials(name)).map((c) => ({
        name: c.name,
        store: c.store,
        generation: c.generation,
        rotation: c.run,
        phase: c.phase,
        outcome: c.outcome,
        waitsFor: c.waits_for?.text ?? null,
        nextDue: c.next_due?.toISOString() ?? null,
      }));
      const lines = table(
        ['credential', 'store', 'generation', 'rotation', 'phase', 'outcome', 'waits for', 'next due'],
        credentials.map((c) => [
          c.name,
          c.store,
          c.generation,
          c.rotation,
          c.phase,
          c.outcome,
          c.waitsFor,
          c.nextDue?.slice(0, 10) ?? null,
        ]),
      );
      const open = credentials.find((c) => c.rotation && !c.outcome);
      const next = open
        ? `show '${open.rotation}'`
        : credentials[0]
          ? `rotate ${credentials[0].name} --wait`
          : 'apply -f rekey.yaml';
      return {
        json: { services: running, credentials },
        text: `${serviceLine(running)}\n${credentials.length > 0 ? lines : 'no credentials yet'}`,
        next,
      };
    });
  } catch (error) {
    const fault = asRekeyError(error);
    if (fault.code !== 'KR_SERVICE_AWAY') throw fault;
    return {
      json: { services: running, credentials: [], ok: false, error: { code: fault.code, message: fault.detail } },
      text: `${serviceLine(running)}\n${fault.detail}`,
      next: 'doctor',
      exit: 1,
    };
  }
}

export async function watch(name: string | undefined): Promise<never> {
  for (;;) {
    const { text } = await status(name);
    process.stdout.write(`${process.stdout.isTTY ? '\x1b[2J\x1b[H' : ''}${text}\n`);
    await pause(1_000);
  }
}

function serviceLine(running: Readonly<Record<string, ServiceShown>>): string {
  return Object.entries(running)
    .map(([name, { state }]) => `${name} ${state}`)
    .join(', ');
}
