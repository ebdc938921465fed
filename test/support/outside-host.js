// @ts-check
/** Owns an app host as a third party writes it: programs on this machine that take their secret from a file of `KEY=value` lines on SIGHUP. */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { portVersion, RekeyError, z } from 'rekey';

const settings = z.strictObject({ grace: z.number().default(5_000) });
const consumer = z.strictObject({ pid: z.number(), file: z.string(), status: z.string(), variable: z.string() });

/** @type {import('rekey').AppHostConnector} */
export const connector = {
  portVersion,
  config: { kind: 'signals', settings, consumer, findsConsumers: false },
  open: (given) => host(settings.parse(given).grace),
};

/** @param {z.infer<typeof consumer>} program */
const pattern = ({ variable }) => new RegExp(`^${variable}=(.*)$`, 'm');

/**
 * The program of a consumer that an effect may still reach.
 * @param {import('rekey').ConsumerSpec} spec
 * @param {AbortSignal} signal
 */
function reachable(spec, signal) {
  const program = consumer.parse(spec.settings);
  if (signal.aborted) throw new RekeyError('KR_HOST_UNAVAILABLE', `${spec.name}: the caller has given up`);
  if (!existsSync(program.file)) throw new RekeyError('KR_HOST_REFUSED', `${spec.name}: there is no ${program.file}`);
  return program;
}

/**
 * @param {number} request
 * @returns {import('rekey').AppHost}
 */
function host(request) {
  return {
    kind: connector.config.kind,
    capabilities: {
      remembersFence: false,
      showsSource: true,
      deploys: false,
      readsSecret: false,
      timing: { request, settle: 1_000 },
      assumptions: [],
    },

    identity: async () => hostname(),

    async inspect(spec, known) {
      const program = consumer.parse(spec.settings);
      const text = (/** @type {string} */ file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
      const held = pattern(program).exec(text(program.file))?.[1] ?? null;
      const shown = [...text(program.status).matchAll(/fingerprint: (\w+)/g)];
      const instances = shown.map(([, fingerprint], at) => {
        const generation = known.find(({ secret }) => secret?.fingerprint === fingerprint)?.generation ?? null;
        /** @type {import('rekey').Evidence} */
        const evidence = generation === null ? 'none' : 'uses';
        return { id: `#${at + 1}`, generation, evidence };
      });
      const there = held !== null && instances.length > 0;
      return {
        consumer: spec.name,
        state: there ? 'running' : 'failing',
        instances,
        showsSource: true,
        source: known.find(({ secret }) => secret?.reveal() === held)?.generation ?? null,
        healthy: there,
        authenticationFailed: false,
        detail: there ? '' : `${program.file} or its program is not there`,
      };
    },

    async deliver({ consumer: spec, version }, signal) {
      const program = reachable(spec, signal);
      const before = readFileSync(program.file, 'utf8');
      const line = `${program.variable}=${version.secret.reveal()}`;
      writeFileSync(
        `${program.file}.new`,
        before.replace(pattern(program), () => line),
        { mode: statSync(program.file).mode },
      );
      renameSync(`${program.file}.new`, program.file);
    },

    async apply(spec, signal) {
      const { pid } = reachable(spec, signal);
      try {
        process.kill(pid, 'SIGHUP');
      } catch {
        throw new RekeyError('KR_HOST_REFUSED', `${spec.name} does not run`);
      }
    },
  };
}
