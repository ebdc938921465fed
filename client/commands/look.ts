/** Owns the commands that only look: `status`, `show`, `plan`, `keys`, `doctor`. */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { legalVerbsQuery, rotationWorkflowId } from '../../workflows/contract.js';
import type { JsonObject } from '../../workflows/domain/credential.js';
import { formatDuration } from '../../workflows/domain/duration.js';
import { planWaves } from '../../workflows/domain/waves.js';
import { connect, requireReachable } from '../connection.js';
import { findInstallation, homeFolder, readState } from '../environment.js';
import { LedgerView } from '../ledger/views.js';
import { type Answer, asRekeyError, table } from '../output.js';

async function withView<Result>(use: (view: LedgerView) => Promise<Result>): Promise<Result> {
  const view = await LedgerView.open(findInstallation());
  try {
    return await use(view);
  } finally {
    await view.close();
  }
}

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
        rotation: c.rotation,
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

export function show(id: string): Promise<Answer> {
  return withView(async (view) => {
    const rotation = await view.rotation(id);
    const [steps, evidence, audit] = [
      await view.steps(rotation.id),
      await view.evidence(rotation.id),
      await view.auditTail(rotation.credential, 8),
    ];
    const legal = rotation.outcome ? [] : await legalVerbs(rotation.credential);
    const waits = rotation.waits_for;
    const text = [
      `${rotation.id}: ${rotation.strategy}, ${rotation.outcome ?? rotation.phase}${rotation.direction === 'back' ? ', going back' : ''}${rotation.paused ? ', paused' : ''}${rotation.reason ? ` (${rotation.reason})` : ''}`,
      waits
        ? `waits for ${waits.text}${waits.since ? ` since ${waits.since.slice(11, 19)}` : ''}${waits.deadline ? `, until ${waits.deadline.slice(0, 19)}Z` : ''}`
        : '',
      (waits?.instructions ?? []).map((line, index) => `  ${index + 1}. ${line}`).join('\n'),
      table(
        ['phase', 'step', 'of', 'done', 'attempts'],
        steps.map((s) => [s.phase, s.key, s.subject, s.done ? 'yes' : 'no', s.attempts]),
      ),
      evidence.length > 0
        ? table(
            ['consumer', 'state', 'instances', 'source', 'seen'],
            evidence.map(({ seen, at }) => [
              seen.consumer,
              seen.state,
              seen.instances.map((i) => `${i.generation ?? '?'} (${i.evidence})`).join(', '),
              seen.source,
              at.toISOString().slice(11, 19),
            ]),
          )
        : '',
      audit.map((e) => `${e.at.toISOString().slice(0, 19)}Z  ${e.kind}  ${e.actor}${why(e.body)}`).join('\n'),
      legal.length > 0 ? `legal now: ${legal.join(', ')}` : '',
    ];
    const next = rotation.outcome
      ? `keys ${rotation.credential}`
      : waits?.nextCommands[0]
        ? `${waits.nextCommands[0]} '${rotation.id}'`
        : `rotate ${rotation.credential} --wait`;
    return { json: { rotation, steps, evidence, audit, legal }, text: text.filter(Boolean).join('\n'), next };
  });
}

function why({ reason }: JsonObject): string {
  return typeof reason === 'string' ? `  ${reason}` : '';
}

/** The workflow knows best what may be said to it; when Temporal is away, nothing may be said anyway. */
async function legalVerbs(credential: string): Promise<readonly string[]> {
  try {
    const { client, close } = await connect(findInstallation());
    try {
      return await client.workflow.getHandle(rotationWorkflowId(credential)).query(legalVerbsQuery);
    } finally {
      await close();
    }
  } catch {
    return [];
  }
}

export function plan(name: string): Promise<Answer> {
  return withView(async (view) => {
    const { spec, generation, next_due } = await view.credential(name);
    const list = spec.consumers.kind === 'list' ? spec.consumers.list : [];
    const waves = planWaves(list, spec.rollout);
    const who =
      spec.consumers.kind === 'all'
        ? `every app that ${spec.store} says uses the key, on ${spec.consumers.host}`
        : list.map((c) => c.name).join(', ') || 'none';
    const { policy } = spec;
    const { compared, lookAtKey } = await import('./attributes.js');
    const key = generation === null ? null : await lookAtKey(name, spec.store);
    const lines = [
      `${name}: ${spec.strategy} in ${spec.store}, generation ${generation ?? 'none yet'}`,
      `consumers: ${who}`,
      spec.strategy === 'overlap'
        ? `waves: ${waves.map((w) => `${w.number}. ${w.consumers.map((c) => c.name).join(', ')}`).join('; ')}, each followed by ${formatDuration(spec.rollout.bake)}`
        : `downtime: all consumers are stopped from before the change until they are deployed again${policy.downtime ? `; at most ${formatDuration(policy.downtime)} are acceptable` : ''}`,
      spec.strategy === 'overlap'
        ? `the old key goes after ${formatDuration(policy.grace)} of grace and ${formatDuration(policy.soak)} of soak, on evidence "${policy.evidence}"`
        : '',
      ...(key ? compared(key) : []),
      `approvals: ${policy.approve.join(', ') || 'none'}; next due: ${next_due?.toISOString() ?? 'when asked'}`,
    ];
    return {
      json: { name, generation, spec, waves, nextDue: next_due, key },
      text: lines.filter(Boolean).join('\n'),
      next: `rotate ${name} --wait`,
    };
  });
}

export function keys(name: string | undefined): Promise<Answer> {
  return withView(async (view) => {
    if (name) await view.credential(name);
    const found = await view.keys(name);
    return {
      json: { keys: found },
      text: table(
        ['credential', 'generation', 'state', 'key id', 'origin', 'fingerprint', 'in vault'],
        found.map((k) => [k.credential, k.generation, k.state, k.key_id, k.origin, k.fingerprint, k.in_vault ? 'yes' : 'no']),
      ),
      next: 'audit verify',
    };
  });
}

export async function doctor(): Promise<Answer> {
  const rows: { what: string; ok: boolean; detail: string; remedy: string }[] = [];
  const examine = async (what: string, remedy: string, look: () => Promise<string> | string) => {
    try {
      rows.push({ what, ok: true, detail: await look(), remedy: '' });
    } catch (error) {
      rows.push({ what, ok: false, detail: asRekeyError(error).detail, remedy });
    }
  };
  const require = (condition: boolean, detail: string): string => {
    if (!condition) throw new Error(detail);
    return detail;
  };
  await examine('node', 'install Node 20.19 or newer', () =>
    require(atLeast(process.versions.node, [20, 19]), process.versions.node),
  );
  await examine(
    'installation',
    'start `rekey up`, or set DATABASE_URL, TEMPORAL_ADDRESS and REKEY_KEYS',
    () => findInstallation().databaseUrl,
  );
  await examine('keys folder', 'chmod 700 the folder', () => {
    const folder = findInstallation().keysFolder;
    return require((statSync(folder).mode & 0o077) === 0, `${folder} has mode ${(statSync(folder).mode & 0o777).toString(8)}`);
  });
  await examine('PostgreSQL', 'start it', () => withView(async (view) => `${(await view.facts()).migrations.length} migrations`));
  await examine('clocks', 'run a time service on both machines', () =>
    withView(async (view) => {
      const apart = Math.abs((await view.facts()).now.getTime() - Date.now());
      return require(apart < 5_000, `${apart} ms apart`);
    }),
  );
  await examine('commits', 'set synchronous_commit to on', () =>
    withView(async (view) => {
      const { synchronous } = await view.facts();
      return require(synchronous !== 'off', `synchronous_commit is ${synchronous}`);
    }),
  );
  await examine('Temporal', 'start it', async () => {
    const { temporalAddress } = findInstallation();
    await requireReachable('Temporal', temporalAddress);
    return temporalAddress;
  });
  await examine('configuration', 'rekey apply -f rekey.yaml', () =>
    withView(async (view) => {
      const found = await view.configuration();
      return require(found !== null, found ? `applied ${found.applied_at.toISOString()}` : 'none was applied');
    }),
  );
  const sick = rows.filter((r) => !r.ok);
  return {
    json: { ok: sick.length === 0, checks: rows },
    text: table(
      ['check', '', 'what was found', 'remedy'],
      rows.map((r) => [r.what, r.ok ? 'ok' : 'WRONG', r.detail, r.remedy]),
    ),
    next: sick.length > 0 ? 'up' : 'status',
    exit: sick.length > 0 ? 1 : 0,
  };
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
