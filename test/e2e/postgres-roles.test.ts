/**
 * The example of a third party's connector, as an outside package: PostgreSQL login roles, on a
 * real server, under the traffic of pools.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunReport } from '../../workflows/contract.js';
import { Lane } from '../support/lane.js';
import { outsidePackage } from '../support/outside.js';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const own = `orders_${randomBytes(4).toString('hex')}`;
const manager = { user: `${own}_manager`, password: randomBytes(16).toString('hex') };
const outside = outsidePackage('postgres-roles');
const server = inject('servers').postgres;
let lane: Lane;
let admin: pg.Client;

interface Shown {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages: readonly string[];
}

interface Counts {
  readonly queries: number;
  readonly failedQueries: number;
  readonly failedLogins: number;
  readonly refusedReports: number;
}

const addressOf = (role: string, password: string) => {
  const url = new URL(`${server}/${own}`);
  url.username = role;
  url.password = password;
  return url.href;
};

/** The login roles of the group, the manager aside. */
const rolesOf = async (): Promise<readonly string[]> => {
  const { rows } = await admin.query<{ rolname: string }>(
    'select r.rolname from pg_roles r join pg_auth_members m on m.member = r.oid where m.roleid = $1::regrole and r.rolname not in ($2, $3) order by 1',
    [own, manager.user, 'rekey'],
  );
  return rows.map(({ rolname }) => rolname);
};

beforeAll(async () => {
  // A host of a third party, beside the store, with its own test.
  for (const name of ['outside-host.js', 'outside-host.test.js'])
    copyFileSync(path.join(root, 'test/support', name), path.join(outside.folder, name));
  lane = await Lane.start([]);
  admin = new pg.Client({ connectionString: `${server}/postgres` });
  await admin.connect();
  await admin.query(`create database ${own}`);
  const orders = new pg.Client({ connectionString: `${server}/${own}` });
  await orders.connect();
  await orders.query(`create role ${own} nologin`);
  await orders.query('create table orders (at timestamptz)');
  await orders.query(`grant insert on orders to ${own}`);
  await orders.query(`create role ${manager.user} login createrole password '${manager.password}'`);
  await orders.query(`grant ${own} to ${manager.user} with admin option`);
  await orders.query(`grant pg_signal_backend to ${manager.user}`);
  await orders.end();
});

afterAll(async () => {
  await lane?.stop();
  await admin?.end();
  outside.remove();
});

describe('the example as an outside package', () => {
  it('is typed by what rekey exports', async () => {
    await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', outside.folder]).catch(
      (error: { stdout: string }) => expect.fail(error.stdout),
    );
  });

  it('keeps the promises of the port, with its own test and the exported suite', async () => {
    const { stdout } = await run(
      process.execPath,
      [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', '--root', outside.folder],
      { cwd: outside.folder, env: { ...process.env, POSTGRES_URL: `${server}/postgres` }, maxBuffer: 64 * 1024 * 1024 },
    ).catch((error: { stdout: string; stderr: string }) => error);
    const report = JSON.parse(stdout.slice(stdout.indexOf('{"num')));
    const failed = (report.testResults as { assertionResults: Shown[] }[]).flatMap((file) =>
      file.assertionResults
        .filter(({ status }) => status !== 'passed')
        .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join()}`),
    );
    expect(failed).toEqual([]);
    expect(report.numPassedTests).toBeGreaterThan(50);
  });
});

describe('login roles under the traffic of pools', () => {
  const first = { role: `${own}_first`, password: randomBytes(16).toString('hex') };
  const names = ['app-1', 'app-2', 'app-3'];
  const apps: ChildProcess[] = [];

  const configuration = (soak: string) => `version: 1
stores:
  orders:
    module: ../postgres-roles/index.js
    address: ${server.replace(/\/\/.*@/, '//')}/${own}
    group: ${own}
    management: { user: "file:${lane.folder}/manager-user", password: "file:${lane.folder}/manager-password" }
    timing: { request: 5s, settle: 1s, propagation: 5s }
    accept: [short-timing]
hosts:
  machine: { kind: file, timing: { request: 5s, settle: 1s } }
  signalled: { module: ../postgres-roles/outside-host.js }
defaults:
  rollout: { canary: 1, wave: 50%, bake: 0s }
  policy: { grace: 1s, soak: ${soak}, confirm: 30s }
credentials:
  orders/app:
    store: orders
    strategy: overlap
    current: { id: ${first.role}, secret: "file:${lane.folder}/first" }
    attributes: { name: ${own} }
    accept: [no-last-used]
    consumers:
      - name: app-3
        host: signalled
        pid: ${apps[2]!.pid}
        file: ${lane.folder}/app-3.env
        status: ${lane.folder}/app-3.status
        variable: DATABASE_URL
${names
  .slice(0, 2)
  .map(
    (name, at) => `      - name: ${name}
        host: machine
        file: ${lane.folder}/${name}.env
        format: dotenv
        at: DATABASE_URL
        apply: kill -HUP ${apps[at]!.pid}
        confirm: { fingerprint: "cat ${lane.folder}/${name}.status; ! grep -q refused ${lane.folder}/${name}.status" }
`,
  )
  .join('')}`;

  const counts = async (): Promise<readonly Counts[]> =>
    Promise.all(
      apps.map(async (app) => {
        const answered = once(app, 'message');
        app.send('counts');
        return (await answered)[0] as Counts;
      }),
    );

  beforeAll(async () => {
    await admin.query(`create role ${first.role} login password '${first.password}' in role ${own}`);
    await admin.query(`grant ${first.role} to ${manager.user} with admin option`);
    const secret = addressOf(first.role, first.password);
    const files = { 'manager-user': manager.user, 'manager-password': manager.password, first: secret };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(lane.folder, name), text, { mode: 0o600 });
    for (const name of names) {
      const [env, status] = [`${lane.folder}/${name}.env`, `${lane.folder}/${name}.status`];
      writeFileSync(env, `LOG_LEVEL=info\nDATABASE_URL=${secret}\n`, { mode: 0o600 });
      const app = fork(path.join(root, 'test/support/pool-app.mjs'), [env, status]);
      apps.push(app);
      await once(app, 'message');
    }
    // The file stands beside the package, as a path from the folder of rekey.yaml would lead there.
    lane.config = path.join(path.dirname(outside.folder), 'configuration', 'rekey.yaml');
    await lane.apply(() => configuration('1s'));
  });
  afterAll(() => {
    for (const app of apps) app.kill();
  });

  const rotate = async () => (await (await lane.rotate('orders/app')).result()) as RunReport;

  it('are rotated without a failed login or a failed query', async () => {
    const before = await counts();
    expect(await rotate()).toMatchObject({ outcome: 'completed', generation: 2 });
    const after = await counts();

    expect(after.map((c) => [c.failedLogins, c.failedQueries])).toEqual(names.map(() => [0, 0]));
    after.forEach((c, at) => {
      expect(c.queries).toBeGreaterThan(before[at]!.queries + 50);
    });
    const [role, ...others] = await rolesOf();
    expect(others).toEqual([]);
    expect(role).toMatch(new RegExp(`^${own}\\.rekey-`));
    const { rows } = await admin.query(`select distinct usename::text from pg_stat_activity where application_name = 'pool-app'`);
    expect(rows).toEqual([{ usename: role }]);
    console.log(
      'queries while the role was rotated:',
      after.reduce((sum, c, at) => sum + c.queries - before[at]!.queries, 0),
    );
  });

  it('wait for a session that nobody declared, and go on when it ends', async () => {
    const [role] = await rolesOf();
    const { rows } = await lane.database.query<{ key_id: string }>(`select key_id from versions where state = 'active'`);
    expect(rows.map((r) => r.key_id)).toContain(role);
    // A forgotten program with the address of one of the others.
    const address = /^DATABASE_URL=(.+)$/m.exec((await run('cat', [`${lane.folder}/app-1.env`])).stdout)![1]!;
    const forgotten = new pg.Client({ connectionString: address });
    await forgotten.connect();

    const handle = await lane.rotate('orders/app');
    await lane.until('the session to be seen', async () =>
      (await lane.rotation('orders/app'))?.waits_for?.text.includes('it is in use now'),
    );
    await forgotten.query('insert into orders (at) values (now())');
    await forgotten.end();
    expect(await handle.result()).toMatchObject({ outcome: 'completed', generation: 3 });
    expect((await counts()).map((c) => [c.failedLogins, c.failedQueries])).toEqual(names.map(() => [0, 0]));
    expect(await rolesOf()).not.toContain(role);
  });

  it('come back while they are watched when a program turns out to need the old one, and the rotation says which', async () => {
    await lane.apply(() => configuration('5s'));
    const [role] = await rolesOf();
    apps[1]!.send('plan a report');
    const handle = await lane.rotate('orders/app');
    await lane.until('the old role to be disabled', async () => {
      const { rows } = await admin.query('select 1 from pg_roles where rolname = $1 and not rolcanlogin', [role]);
      return rows.length > 0;
    });
    apps[1]!.send('make the report');
    expect(await handle.result()).toMatchObject({ outcome: 'completed', generation: 4 });

    const { rows } = await lane.database.query<{ reason: string }>(
      `select body->>'reason' as reason from audit_events where kind = 'round' order by position`,
    );
    expect(rows.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^generation 3 was missed while it was disabled, by app-2 \(.* is not permitted to log in\)$/),
    ]);
    const after = await counts();
    expect(after.map((c) => c.refusedReports > 0)).toEqual([false, true, false]);
    expect(after.map((c) => [c.failedLogins, c.failedQueries])).toEqual(names.map(() => [0, 0]));
    expect(await rolesOf()).not.toContain(role);
    await lane.apply(() => configuration('1s'));
  });

  it('wait for a worker that finds their module, while other stores go on', async () => {
    const [module, hidden] = [path.join(outside.folder, 'index.js'), path.join(outside.folder, 'hidden.js')];
    renameSync(module, hidden);
    const old = lane.workers.at(-1)!;
    const ended = once(old, 'exit');
    old.kill('SIGTERM');
    await ended;
    await lane.startWorker();
    const handle = await lane.rotate('orders/app');
    await lane.until('the module to be missed', async () => {
      const { raw } = await handle.describe();
      return raw.pendingActivities?.some((a) => a.lastFailure?.applicationFailureInfo?.type === 'KR_MODULE_UNAVAILABLE');
    });
    expect(lane.workers.at(-1)!.exitCode).toBeNull();
    renameSync(hidden, module);
    expect(await handle.result()).toMatchObject({ outcome: 'completed', generation: 5 });
    expect((await counts()).map((c) => [c.failedLogins, c.failedQueries])).toEqual(names.map(() => [0, 0]));
  });
});
