// @ts-check
/** Proves the connector on a real server: POSTGRES_URL is the address of one that may be played with, and its superuser. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { Secret } from 'rekey';
import { describeKeyStore, Wire } from 'rekey/testing';
import { connector } from './index.js';

if (!process.env.POSTGRES_URL) throw new Error('set POSTGRES_URL to a server that may be played with, as its superuser');
const server = new URL(process.env.POSTGRES_URL);
const own = `rekey_${process.pid}`;
/** @type {Record<string, string>} */
const secrets = { user: `${own}_manager`, password: randomBytes(16).toString('hex') };

describeKeyStore({
  vendor: 'postgres-roles',
  connector,
  attributes: { name: own },
  management: ['user', 'password'],
  confidential: (secret) => new URL(secret).password,
  abilities: ['lastUsed', 'disable', 'enable'],
  world: async () => {
    const admin = new pg.Client({ connectionString: server.href });
    await admin.connect();
    // What the manual asks for in the README, and no more: the manager is no superuser.
    await admin.query(`create role ${own} nologin`);
    await admin.query(`create role ${secrets.user} login createrole password '${secrets.password}'`);
    await admin.query(`grant ${own} to ${secrets.user} with admin option`);
    await admin.query(`grant pg_signal_backend to ${secrets.user}`);
    const wire = await Wire.to(server.hostname, Number(server.port || 5432));

    return {
      wire,
      entry: {
        address: `postgres://${wire.host}:${wire.port}${server.pathname}`,
        group: own,
        management: { user: 'env:user', password: 'env:password' },
        timing: { request: '5s', settle: '1s', propagation: '5s' },
        accept: ['short-timing'],
      },
      resolve: async (reference) => new Secret(secrets[reference.slice('env:'.length)] ?? ''),
      secrets: [secrets.password ?? ''],
      keys: async () => {
        const { rows } = await admin.query(
          `select r.rolname as id, r.rolcanlogin as live from pg_roles r join pg_auth_members m on m.member = r.oid
           where m.roleid = $1::regrole and r.rolname <> current_user`,
          [own],
        );
        return rows.map(({ id, live }) => ({ id, name: id, value: null, state: live ? 'live' : 'disabled' }));
      },
      end: async () => {
        await wire.end();
        const { rows } = await admin.query(`select rolname from pg_roles where rolname like $1`, [`${own}%`]);
        for (const { rolname } of rows.reverse()) await admin.query(`drop role ${pg.escapeIdentifier(rolname)}`);
        await admin.end();
      },
    };
  },
});
