/**
 * Owns the words of `rekey status`: every credential, what its rotation waits for, and which
 * services answer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { embeddedState } from '../environment.js';
import { asRekeyError } from '../errors.js';
import { withAccess } from '../local-access.js';
import { listCredentials } from '../operations/list-credentials.js';
import { probeServices, type ServicesShown } from '../operations/probe-services.js';
import { type Answer, table } from '../output.js';

export function status(name: string | undefined, label?: string): Promise<Answer> {
  return withAccess(async (who, access) => {
    const services = await probeServices(who, access, { recorded: embeddedState().services ?? {} });
    try {
      const found = await listCredentials(who, access, { credential: name, label });
      const credentials = found.map((c) => ({
        name: c.name,
        store: c.store,
        labels: c.labels,
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
        json: { services, credentials },
        text: `${serviceLine(services)}\n${credentials.length > 0 ? lines : 'no credentials yet'}`,
        next,
      };
    } catch (error) {
      const fault = asRekeyError(error);
      if (fault.code !== 'KR_SERVICE_AWAY') throw fault;
      return {
        json: { services, credentials: [], ok: false, error: { code: fault.code, message: fault.detail } },
        text: `${serviceLine(services)}\n${fault.detail}`,
        next: 'doctor',
        exit: 1,
      };
    }
  });
}

export async function watch(name: string | undefined, label?: string): Promise<never> {
  for (;;) {
    const { text } = await status(name, label);
    process.stdout.write(`${process.stdout.isTTY ? '\x1b[2J\x1b[H' : ''}${text}\n`);
    await pause(1_000);
  }
}

function serviceLine(services: ServicesShown): string {
  return Object.entries(services)
    .map(([name, { state }]) => `${name} ${state}`)
    .join(', ');
}
