import { connector } from '../../activities/connectors/app-hosts/soar-app-host/app-host.js';
import { connector as soar } from '../../activities/connectors/key-stores/soar/key-store.js';
import { Secret } from '../../activities/ports/secret.js';
import type { RunningSandbox } from '../sandbox/support.js';
import { never } from './suites/expect.js';
import { context, declared, keysOf, requestDeadline, throughLedger } from './suites/sandbox.js';
import { describeVendorHost, type SandboxWorld } from './suites/sandbox-host.js';

/**
 * The app of the sandbox that alone uses its key, so that changing it in place stops nobody else.
 */
async function world(sandbox: RunningSandbox, impatient: boolean): Promise<SandboxWorld> {
  const entry = declared(sandbox, 'stores', 'soar');
  const timing = impatient ? { ...(entry.timing as object), request: `${requestDeadline}ms` } : entry.timing;
  const settings = throughLedger(soar.config.settings.parse({ ...entry, timing }));
  const store = soar.open(settings, context('soar'));
  const host = connector.open(connector.config.settings.parse({ store: 'soar' }), context('apps'), {
    settings,
    context: context('soar'),
  });
  const current = (await keysOf(sandbox, 'soar')).filter(({ name }) => name === 'ticketing').at(-1)!;
  return {
    host,
    consumer: { name: 'ticketing', host: 'apps', settings: { app: 'ticketing' } },
    missing: { name: 'nobody', host: 'apps', settings: { app: 'nobody' } },
    current: { generation: 1, keyId: current.id, secret: new Secret(current.value) },
    next: async () => ({ generation: 2, keyId: current.id, secret: (await store.regenerate!(current.id, never())).secret }),
    held: null,
  };
}

describeVendorHost({
  connector,
  vendor: 'soar',
  program: 'ticketing',
  door: 'soar',
  abilities: ['undeploy', 'deploy', 'consumersNamed'],
  world,
});
