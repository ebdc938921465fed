// @ts-check
/** Owns an app host as a third party writes it: programs on this machine that take their secret from a file of `KEY=value` lines on SIGHUP. */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
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

/** @param {import('rekey').ConsumerSpec} spec */
const settingsOf = (spec) => consumer.parse(spec.settings);

/** @param {z.infer<typeof consumer>} program */
const pattern = ({ variable }) => new RegExp(`^${variable}=(.*)$`, 'm');

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
      const program = settingsOf(spec);
      const held = pattern(program).exec(readFileSync(program.file, 'utf8'))?.[1] ?? null;
      const shown = [...readFileSync(program.status, 'utf8').matchAll(/fingerprint: (\w+)/g)];
      const instances = shown.map(([, fingerprint], at) => {
        const generation = known.find(({ secret }) => secret?.fingerprint === fingerprint)?.generation ?? null;
        /** @type {import('rekey').Evidence} */
        const evidence = generation === null ? 'none' : 'uses';
        return { id: `#${at + 1}`, generation, evidence };
      });
      return {
        consumer: spec.name,
        state: instances.length > 0 ? 'running' : 'stopped',
        instances,
        showsSource: true,
        source: known.find(({ secret }) => secret?.reveal() === held)?.generation ?? null,
        healthy: instances.length > 0,
        authenticationFailed: false,
        detail: '',
      };
    },

    async deliver({ consumer: spec, version }) {
      const program = settingsOf(spec);
      const before = readFileSync(program.file, 'utf8');
      const line = `${program.variable}=${version.secret.reveal()}`;
      writeFileSync(
        `${program.file}.new`,
        before.replace(pattern(program), () => line),
        { mode: statSync(program.file).mode },
      );
      renameSync(`${program.file}.new`, program.file);
    },

    async apply(spec) {
      try {
        process.kill(settingsOf(spec).pid, 'SIGHUP');
      } catch {
        throw new RekeyError('KR_HOST_REFUSED', `${spec.name} does not run`);
      }
    },
  };
}
