/**
 * Owns the process behind `rekey up`: PostgreSQL, Temporal, a worker and, if asked for, the
 * sandbox, on one machine, kept alive.
 */
import { fileURLToPath } from 'node:url';
import { type ChildEnvironment, childEnvironment, ownEnvironment, startProgram } from '../../activities/ports/child.js';
import { allPowers, saysWhere } from '../../client/environment.js';
import { homeFolder } from '../../client/home.js';
import { RekeyError } from '../../workflows/domain/errors.js';
import { type HomeState, openHome, readHomeState, writeHomeState } from '../embedded/home.js';
import { freePort } from '../embedded/ports.js';
import { databaseUrl, preparePostgres } from '../embedded/postgres.js';
import { endProcess, isSame, startedTicks } from '../embedded/processes.js';
import { Child, type ChildSpec } from '../embedded/supervisor.js';
import { temporalServer } from '../embedded/temporal.js';
import { findTemporal } from '../embedded/temporal-binary.js';
import { installRuntime } from '../logger.js';
import { main, option } from './process.js';

const program = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

await main(async () => {
  installRuntime();
  const home = openHome(homeFolder());
  const before = readHomeState(home);
  if (before.up && isSame(before.up))
    throw new RekeyError('KR_USAGE', `rekey up runs already on ${home.root} (pid ${before.up.pid})`);
  // A killed `up` leaves its children behind; they are ended, and nothing else that may have got
  // their pids since.
  for (const name of ['worker', 'sandbox', 'temporal', 'postgres'])
    if (before.services[name]) await endProcess(before.services[name], 5_000);

  const ports: Record<string, number> = {};
  for (const name of ['postgres', 'temporal', 'temporalHttp', 'temporalMetrics'])
    ports[name] = await freePort(before.ports[name]);
  const temporalAddress = `127.0.0.1:${ports.temporal}`;
  const database = databaseUrl(ports.postgres!);
  const children: Child[] = [];
  const write = () => {
    const state: HomeState = {
      up: { pid: process.pid, startedTicks: startedTicks(process.pid) },
      services: Object.fromEntries(children.map((child) => [child.spec.name, child.status])),
      ports,
      temporal: temporalAddress,
      database,
      passwordFile: home.passwordFile,
      keys: home.keys,
      heads: home.headsFile,
    };
    writeHomeState(home, state);
  };
  write();
  const ending = new AbortController();
  const start = async (spec: ChildSpec) => {
    // Told to stop while it was still starting: what is not there yet does not come any more.
    if (ending.signal.aborted) throw new Error('stopping');
    const child = new Child(spec, home, write);
    children.push(child);
    await child.start();
    return child;
  };

  let stop: (why: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => (stop = resolve));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(signal));
  // Whoever started us with a pipe and is gone cannot be told anything; to go on is what a
  // supervisor is for.
  process.stdout.on('error', () => undefined);

  // What is set for another installation must not reach this one.
  const env = ownEnvironment(
    {
      DATABASE_URL: database,
      REKEY_DATABASE_PASSWORD_FILE: home.passwordFile,
      TEMPORAL_ADDRESS: temporalAddress,
      REKEY_KEYS: home.keys,
      REKEY_AUDIT_HEADS: home.headsFile,
      REKEY_HOME: home.root,
      REKEY_POWERS: [...allPowers].join(),
    },
    saysWhere,
  );
  const ours: Ours = { env, ending: ending.signal };
  const node = (
    name: string,
    env: ChildEnvironment,
    script: string,
    args: readonly string[],
    ready: ChildSpec['ready'],
  ): ChildSpec => ({
    name,
    command: process.execPath,
    args: [script, ...args],
    env,
    ready,
  });
  const started = (async () => {
    let sandbox: Record<string, unknown> | undefined;
    await Promise.all([
      (async () => {
        await start(await preparePostgres(home, ports.postgres!));
        await runToEnd([program('./migrate.js')], ours);
      })(),
      (async () => {
        const binary = await findTemporal(process.env, say);
        await start(
          temporalServer(home, binary.path, {
            temporal: ports.temporal!,
            temporalHttp: ports.temporalHttp!,
            temporalMetrics: ports.temporalMetrics!,
          }),
        );
      })(),
      (async () => {
        if (!process.argv.includes('--sandbox')) return;
        const chosen = ['vendors', 'pace'].flatMap((name) => {
          const value = option(name);
          return value === null ? [] : [`--${name}`, value];
        });
        const args = ['--home', home.sandbox, ...chosen];
        await start(
          node('sandbox', childEnvironment(), program('../../sandbox/main.js'), args, async (line) => {
            sandbox = JSON.parse(await line) as Record<string, unknown>;
          }),
        );
      })(),
    ]);
    await start(node('worker', env, program('./worker.js'), [], async (line) => void (await line)));
    if (sandbox) await apply(String(sandbox.config), ours);
    return sandbox;
  })();

  const how = await Promise.race([
    started.then(
      (sandbox) => ({ sandbox }),
      (error: unknown) => ({ error }),
    ),
    told.then(() => 'told' as const),
  ]);
  if (how !== 'told' && 'sandbox' in how) {
    announce(how.sandbox, temporalAddress, database, children);
    await told;
  }
  ending.abort();
  for (const name of ['worker', 'sandbox', 'temporal', 'postgres'])
    await children.find((c) => c.spec.name === name)?.stop(name === 'worker' ? 15_000 : 8_000);
  if (how !== 'told' && 'error' in how)
    throw how.error instanceof RekeyError ? how.error : new RekeyError('KR_SERVICE_AWAY', (how.error as Error).message);
});

function announce(
  sandbox: Record<string, unknown> | undefined,
  temporal: string,
  database: string,
  children: readonly Child[],
): void {
  const pids = { up: process.pid, ...Object.fromEntries(children.map((child) => [child.spec.name, child.pid])) };
  if (process.argv.includes('--json')) {
    const { ready: _, ...vendors } = sandbox ?? {};
    process.stdout.write(
      `${JSON.stringify({ ready: true, temporal, database, ...(sandbox ? { sandbox: vendors } : {}), pids })}\n`,
    );
    return;
  }
  say(`rekey is up: Temporal ${temporal}, PostgreSQL ${database}`);
  if (sandbox) say(`the sandbox: control ${String(sandbox.control)}, configuration ${String(sandbox.config)}`);
  say(`next, in another terminal: npx rekey ${sandbox ? 'rotate datadog/agents --wait' : 'apply -f rekey.yaml'}`);
}

/** What our own programs are run with; whatever of them runs when all is to end is killed. */
interface Ours {
  readonly env: ChildEnvironment;
  readonly ending: AbortSignal;
}

/**
 * A vendor that is away for a moment is no reason to take down what is open: it is asked again, and
 * then left to the reader.
 */
async function apply(config: string, ours: Ours): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { exitCode, said } = await run([program('../../client/main.js'), 'apply', '-f', config], ours);
    if (exitCode === 0 || ours.ending.aborted) return;
    if (exitCode === 2) throw new RekeyError('KR_CONFIG_INVALID', said);
    if (tries === 3) return say(`${said}\nnot all of ${config} is applied; try again: npx rekey apply -f ${config}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Runs one of our own programs to its end; what it says goes into the error when it fails. */
async function runToEnd(args: readonly string[], ours: Ours): Promise<void> {
  const { exitCode, said } = await run(args, ours);
  if (exitCode !== 0) throw new RekeyError('KR_SERVICE_AWAY', `${args[0]!.split('/').at(-1)} failed: ${said}`);
}

function run(
  args: readonly string[],
  { env, ending }: Ours,
): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  return new Promise((resolve) => {
    const child = startProgram(process.execPath, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: ending,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.once('error', (error) => (said = error.message));
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (part: string) => (said = (said + part).slice(-2_000)));
    child.once('close', (exitCode) => resolve({ exitCode, said: said.trim() }));
  });
}
