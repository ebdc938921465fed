/**
 * Owns the calls on apps. The object is that of IBM's exports
 * (`current_installation.executables[]`, resilient-sdk); its status fields, and the calls to
 * deploy, to undeploy, to set secrets and to write an app.config are assumed, and stand in rekey's
 * configuration under the names soar-deploy-call, soar-secrets-call and soar-config-call.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Durable } from '../../durable.js';
import type { AppHost } from './app-host.js';
import { body, Refused, unableToFind } from './refused.js';
import { type ApiKeyAccount, type App, partsOf, type SoarState } from './state.js';

const SecretValue = z.strictObject({ value: z.string().min(1) });
const NewSecret = z.strictObject({ name: z.string().regex(/^\w+$/), value: z.string().min(1) });
const Executable = z.strictObject({ apikey_handle: z.string(), config_string: z.string() });

interface OneApp {
  Params: { id: string };
}
interface OneSecret {
  Params: { id: string; name: string };
}
interface OneExecutable {
  Params: { id: string; executable: string };
}

export function serveApps(
  app: FastifyInstance,
  store: Durable<SoarState>,
  host: AppHost,
  caller: (request: FastifyRequest) => ApiKeyAccount,
): void {
  app.addHook('preHandler', async (request) => {
    if (!caller(request).permissions.includes('manage_apps')) throw new Refused(403);
  });

  app.get('/apps', async () => ({ entities: store.value.apps.map(show) }));

  app.get<OneApp>('/apps/:id', async (request) => show(existing(request.params.id)));

  app.post<OneApp>('/apps/:id/deploy', async (request, reply) => {
    const found = existing(request.params.id);
    host.deploy(found);
    return reply.code(202).send(show(found));
  });

  app.post<OneApp>('/apps/:id/undeploy', async (request, reply) => {
    const found = existing(request.params.id);
    host.undeploy(found);
    return reply.code(202).send(show(found));
  });

  app.get<OneApp>('/apps/:id/secrets', async (request) => {
    return { entities: Object.keys(existing(request.params.id).secrets).map((name) => ({ name })) };
  });

  app.put<OneSecret>('/apps/:id/secrets/:name', async (request) => {
    const found = existing(request.params.id);
    const { name } = request.params;
    if (!Object.hasOwn(found.secrets, name)) throw unableToFind('app secret', name);
    found.secrets[name] = body(SecretValue, request).value;
    store.save();
    return { name };
  });

  app.post<OneApp>('/apps/:id/secrets', async (request) => {
    const found = existing(request.params.id);
    const { name, value } = body(NewSecret, request);
    if (Object.hasOwn(found.secrets, name)) throw new Refused(400, `The app has a secret ${name}`);
    found.secrets[name] = value;
    store.save();
    return { name };
  });

  // One write changes key and text: an app that starts meanwhile meets the old pair or the new one.
  app.put<OneExecutable>('/apps/:id/executables/:executable', async (request) => {
    const found = existing(request.params.id);
    const part = partsOf(found).find((_, index) => request.params.executable === String(executableId(found, index)));
    if (!part) throw unableToFind('executable', request.params.executable);
    const { apikey_handle, config_string } = body(Executable, request);
    const known = store.value.accounts.some(({ clientId, deleted }) => clientId === apikey_handle && !deleted);
    if (!known) throw unableToFind('API key', apikey_handle);
    Object.assign(part, { keyHandle: apikey_handle, configString: config_string });
    store.save();
    return show(found).current_installation.executables[partsOf(found).indexOf(part)];
  });

  function existing(id: string): App {
    const found = store.value.apps.find((candidate) => String(candidate.id) === id);
    if (!found) throw unableToFind('app', id);
    return found;
  }

  function show(found: App) {
    const consumer = host.consumer(found);
    return {
      id: found.id,
      name: found.name,
      display_name: found.displayName,
      uuid: found.uuid,
      version: found.version,
      status: host.status(found),
      instances: consumer.instances.map(({ pid, startedAt, up }) => ({
        pod: `${found.name}-${pid}`,
        state: up ? 'running' : 'starting',
        started_time: startedAt.getTime(),
      })),
      restarts: consumer.restarts,
      last_exit_code: consumer.lastExitCode,
      current_installation: {
        id: found.id + 1000,
        name: found.name,
        status: 'installed',
        version: found.version,
        install_date: found.installedAt,
        install_principal: { id: 1, type: 'user', name: 'ada@example.com', display_name: 'Ada Example' },
        items: [],
        executables: partsOf(found).map(({ keyHandle, configString }, index) => ({
          id: executableId(found, index),
          uuid: found.uuid,
          name: found.name,
          image: { path: `registry.example.com/soar/${found.name}:${found.version}` },
          app_handle: found.name,
          apikey_handle: keyHandle,
          config_string: configString,
          permission_handles: ['read_data', 'read_function', 'edit_data'],
        })),
      },
    };
  }
}

function executableId({ id }: App, index: number): number {
  return id + 2000 + 1000 * index;
}
