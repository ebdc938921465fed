// @ts-check
/** Owns PostgreSQL login roles as a key store: the id of a key is the name of its role, and its secret the address with user and password. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { portVersion, RekeyError, Secret } from 'rekey';
import { attributes, config } from './config.js';
import { scramVerifier } from './scram.js';
import { withSession } from './session.js';

/** @type {import('rekey').KeyStoreConnector} */
export const connector = {
  portVersion,
  config,
  open: (settings, context) => new PostgresRoles(/** @type {import('./config.js').Settings} */ (settings), context),
};

const name = pg.escapeIdentifier;
const text = pg.escapeLiteral;

/** What a role may do by itself, each with the word that gives it. Its memberships come beside. */
const powers = {
  rolinherit: 'inherit',
  rolsuper: 'superuser',
  rolcreatedb: 'createdb',
  rolcreaterole: 'createrole',
  rolreplication: 'replication',
  rolbypassrls: 'bypassrls',
};

const roles = `
  select r.oid, r.rolname, r.rolcanlogin, r.rolvaliduntil < now() as expired, r.rolconnlimit, ${Object.keys(powers).join(', ')},
    coalesce(r.rolconfig, '{}') as settings,
    array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid order by 1) as groups
  from pg_roles r
  where exists (select from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid and g.rolname = $1)`;

/**
 * @typedef {import('rekey').KeyStore} KeyStore
 * @implements {KeyStore}
 */
class PostgresRoles {
  kind = config.kind;

  /**
   * @param {import('./config.js').Settings} settings
   * @param {import('rekey').ConnectorContext} context
   */
  constructor(settings, context) {
    this.settings = settings;
    this.context = context;
    /** @type {import('rekey').KeyStoreCapabilities} */
    this.capabilities = {
      secretReadable: 'never',
      idIsSecret: false,
      listsKeys: true,
      regenerate: false,
      disable: true,
      undoDelete: 'none',
      minKeys: 0,
      names: { maxLength: 63, unique: true },
      timing: settings.timing,
      // A session shorter than the look is not seen: one that is seen speaks against the end of a role, none speaks for nothing.
      lastUsed: 'weak',
      probeMovesLastUsed: true,
      probeRetryOn401: true,
      assumptions: [],
    };
  }

  /** @type {import('rekey').KeyStore['check']} */
  async check(signal) {
    return this.#session('look at the server', signal, async ({ look }) => {
      const [server] = await look(
        'select (select system_identifier::text from pg_control_system()) as id, current_user::text as me, to_regrole($1) as grp',
        [name(this.settings.group)],
      );
      if (server.grp === null) throw this.#refused(`there is no role ${this.settings.group}`);
      const keys = await look(roles, [this.settings.group]);
      return { identity: server.id, managementKeyId: server.me, keys: keys.length, maxKeys: null };
    });
  }

  /** @type {import('rekey').KeyStore['list']} */
  async list(signal) {
    const found = await this.#session('list the roles', signal, ({ look }) => look(roles, [this.settings.group]));
    return found.map(described);
  }

  /** @type {import('rekey').KeyStore['findByTag']} */
  async findByTag(prefix, signal) {
    return (await this.list(signal)).filter((key) => key.name.split('.').some((part) => part.startsWith(prefix)));
  }

  /** @type {import('rekey').KeyStore['describe']} */
  async describe(keyId, signal) {
    return this.#session('look at a role', signal, async ({ look }) => {
      const [role] = await look(`${roles} and r.rolname = $2`, [this.settings.group, keyId]);
      return role ? described(role) : null;
    });
  }

  /** @type {import('rekey').KeyStore['create']} */
  async create(request, signal) {
    const id = `${attributes.parse(request.attributes).name}.${request.tag}`;
    const password = randomBytes(32).toString('base64url');
    await this.#session('create a role', signal, async (session) => {
      const like = request.likeKeyId === null ? null : await this.#mustBeDroppable(session, request.likeKeyId);
      await session.send(creation(id, scramVerifier(password), this.settings.group, like));
    });
    const address = new URL(this.settings.address);
    address.username = encodeURIComponent(id);
    address.password = password;
    return { id, name: id, secret: new Secret(address.href) };
  }

  /** @type {import('rekey').KeyStore['probe']} */
  async probe({ keyId, secret }, signal) {
    const given = URL.canParse(secret.reveal()) ? new URL(secret.reveal()) : null;
    const isOurs =
      given !== null &&
      decodeURIComponent(given.username) === keyId &&
      given.pathname === new URL(this.settings.address).pathname;
    const password = new Secret(decodeURIComponent(given?.password ?? ''));
    const endpoints = this.settings.endpoints.map(async (address) => {
      const endpoint = new URL(address).host;
      if (!isOurs) return { endpoint, accepted: false };
      try {
        await this.#at({ address, user: keyId, password }, `log in at ${endpoint}`, signal, ({ look }) => look('select 1'));
        return { endpoint, accepted: true };
      } catch (error) {
        if (error instanceof RekeyError && error.code === 'KR_STORE_UNAUTHORIZED') return { endpoint, accepted: false };
        throw error;
      }
    });
    return { endpoints: await Promise.all(endpoints) };
  }

  /** @type {NonNullable<import('rekey').KeyStore['lastUsed']>} */
  async lastUsed(keyId, signal) {
    return this.#session('look for sessions', signal, async ({ look }) => {
      const [seen] = await look(
        `select count(*)::int as sessions, clock_timestamp()::text as now from pg_stat_activity
         where usesysid = (select oid from pg_roles where rolname = $1)`,
        [keyId],
      );
      // Two looks that both find a session never say the same: the role is in use, however long.
      return seen.sessions > 0 ? `${seen.sessions} open at ${seen.now}` : null;
    });
  }

  /** Reversible: sessions that are open go on, and nobody can open another. @type {NonNullable<import('rekey').KeyStore['disable']>} */
  async disable(keyId, signal) {
    await this.#alter(keyId, 'nologin', signal);
  }

  /** @type {NonNullable<import('rekey').KeyStore['enable']>} */
  async enable({ keyId }, signal) {
    await this.#alter(keyId, 'login', signal);
  }

  /** @type {import('rekey').KeyStore['revoke']} */
  async revoke(keyId, signal) {
    await this.#session('drop a role', signal, async (session) => {
      const [there] = await session.look('select from pg_roles where rolname = $1', [keyId]);
      if (!there) return;
      await this.#mustBeDroppable(session, keyId);
      await session.send(`alter role ${name(keyId)} nologin`);
      // What is left would go on after its role is gone. The server waits for each to end, as long as it may.
      await session.look(
        `select pg_terminate_backend(pid, $2) from pg_stat_activity
         where usesysid = (select oid from pg_roles where rolname = $1) and pid <> pg_backend_pid()`,
        [keyId, Math.floor(this.settings.timing.request / 4)],
      );
      await session.send(`drop role if exists ${name(keyId)}`);
    });
  }

  /**
   * A role of the group that nothing hangs on. One that owns something, or was granted something by itself, could never be dropped: better to
   * hear it before a new one is made than after everybody has moved.
   *
   * @param {import('./session.js').Session} session
   * @param {string} keyId
   */
  async #mustBeDroppable({ look }, keyId) {
    const [role] = await look(`${roles} and r.rolname = $2`, [this.settings.group, keyId]);
    if (!role) throw this.#refused(`there is no role ${keyId} in ${this.settings.group}`);
    const [bound] = await look(
      `select coalesce(string_agg(distinct coalesce(d.datname, 'all databases'), ', '), '') as databases
       from pg_shdepend s left join pg_database d on d.oid = s.dbid
       where s.refclassid = 'pg_authid'::regclass and s.refobjid = $1`,
      [role.oid],
    );
    if (bound.databases === '') return role;
    const { group } = this.settings;
    throw this.#refused(
      `${keyId} owns objects or has grants of its own in ${bound.databases}: give them to ${group} (REASSIGN OWNED, then DROP OWNED)`,
    );
  }

  /**
   * @param {string} keyId
   * @param {'login' | 'nologin'} may
   * @param {AbortSignal} signal
   */
  async #alter(keyId, may, signal) {
    await this.#session(`set ${may}`, signal, async ({ look, send }) => {
      const [role] = await look(`${roles} and r.rolname = $2`, [this.settings.group, keyId]);
      if (!role) throw this.#refused(`there is no role ${keyId} in ${this.settings.group}`);
      await send(`alter role ${name(keyId)} ${may}`);
    });
  }

  /**
   * @template Result
   * @param {string} title
   * @param {AbortSignal} signal
   * @param {(session: import('./session.js').Session) => Promise<Result>} work
   */
  async #session(title, signal, work) {
    const { user, password } = this.settings.management;
    const login = {
      address: this.settings.address,
      user: (await this.context.resolve(user)).reveal(),
      password: await this.context.resolve(password),
    };
    return this.#at(login, title, signal, work);
  }

  /**
   * @template Result
   * @param {import('./session.js').Login} login
   * @param {string} title
   * @param {AbortSignal} signal
   * @param {(session: import('./session.js').Session) => Promise<Result>} work
   */
  #at(login, title, signal, work) {
    return withSession({ name: this.context.name, title, request: this.settings.timing.request }, login, signal, work);
  }

  /** @param {string} why */
  #refused(why) {
    return new RekeyError('KR_STORE_REFUSED', `${this.context.name}: ${why}`);
  }
}

/** @param {any} role @returns {import('rekey').KeyDescription} */
function described(role) {
  const { rolname, rolcanlogin, expired, rolconnlimit, settings, groups } = role;
  const may = Object.entries(powers).flatMap(([column, power]) => (role[column] ? [power] : []));
  return {
    id: rolname,
    name: rolname,
    state: expired ? 'expired' : rolcanlogin ? 'live' : 'disabled',
    rights: { groups, may, connections: rolconnlimit, settings },
    secretChanged: null,
  };
}

/**
 * One transaction. A first role acts as its group, so that what it makes belongs to the group and holds nothing back when the role goes; a later
 * one takes over what the one before had.
 *
 * @param {string} id
 * @param {string} verifier
 * @param {string} group
 * @param {any} like
 */
function creation(id, verifier, group, like) {
  const may = like ? Object.entries(powers).map(([column, power]) => (like[column] ? power : `no${power}`)) : [];
  const limit = like ? [`connection limit ${like.rolconnlimit}`] : [];
  const groups = (like?.groups ?? [group]).map(name).join(', ');
  const settings = like?.settings ?? [`role=${group}`];
  return [
    `create role ${name(id)} login ${[...may, ...limit].join(' ')} password ${text(verifier)} in role ${groups}`,
    ...settings.flatMap((/** @type {string} */ setting) => {
      const [variable = '', value = ''] = [setting.slice(0, setting.indexOf('=')), setting.slice(setting.indexOf('=') + 1)];
      if (variable === 'role') return [`alter role ${name(id)} set role to ${name(value)}`];
      // As it stands there: a list would become one name if it were written anew.
      return [
        `select set_config(${text(variable)}, ${text(value)}, true)`,
        `alter role ${name(id)} set ${name(variable)} from current`,
      ];
    }),
  ].join(';\n');
}
