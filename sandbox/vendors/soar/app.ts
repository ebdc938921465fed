/**
 * Owns a program that behaves like a SOAR app on App Host: it reads its configuration and secrets
 * at start only, logs in, subscribes to its queue, reports each message's result by a REST call,
 * and exits on the first 401. Exit codes and calls: ibmresilient/resilient-python-api,
 * `resilient/co3base.py` and `resilient_circuits/constants.py`.
 */
import http from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, askPatiently, Exit, type Running, runProgram } from '../../consumers/program.js';

export interface AppSettings {
  readonly url: string;
  /** The text of app.config, of each of its executables. */
  readonly configs: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly orgId: number;
  readonly messageWork: number;
}

const EXIT = { generic: 20, unauthorized: 21, organisation: 24, subscription: 32 };
const name = process.argv[2]!;

runProgram<AppSettings>(async (settings, running) => {
  const logins = settings.configs.map((config) => readCredentials(config, settings.secrets));
  running.loaded(logins[0]!.secret);
  const headersOf = logins.map(({ id, secret }) => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    'content-type': 'application/json',
    'user-agent': `resilient-circuits/51.0.9 (${name})`,
  }));
  const rest = async (headers: http.OutgoingHttpHeaders, method: string, path: string, body?: object) => {
    const answer = await askPatiently(running, `${settings.url}/rest${path}`, { method, headers }, body && JSON.stringify(body));
    if (answer?.status === 401) throw new Exit(EXIT.unauthorized, 'the server answered 401');
    return answer;
  };

  for (const headers of headersOf) {
    await rest(headers, 'GET', '/session?include_permissions=false');
    const organisation = await rest(headers, 'GET', `/orgs/${settings.orgId}`);
    if (!actionsEnabled(organisation)) throw new Exit(EXIT.organisation, 'the organisation has no actions framework');
  }

  for await (const message of subscribe(`${settings.url}/stomp/${name}`, headersOf[0]!, running)) {
    await sleep(settings.messageWork);
    // Its executables take turns, so that the key of each is in use.
    await rest(headersOf[message % headersOf.length]!, 'POST', `/orgs/${settings.orgId}/incidents/2095/comments`, {
      text: { format: 'text', content: 'Done.' },
      message,
    });
    if (!running.wanted) return;
  }
});

function readCredentials(config: string, secrets: AppSettings['secrets']): { id: string; secret: string } {
  const setting = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(config)?.[1] ?? '';
  const reference = /^\$\{?(\w+)\}?$/.exec(setting('api_key_secret'))?.[1];
  const secret = reference === undefined ? setting('api_key_secret') : secrets[reference];
  if (!secret) throw new Exit(EXIT.generic, 'app.config names a secret that the app does not have');
  return { id: setting('api_key_id'), secret };
}

function actionsEnabled(answer: Answer | undefined): boolean {
  return (
    answer?.status === 200 &&
    (JSON.parse(answer.body) as { actions_framework_enabled?: boolean }).actions_framework_enabled === true
  );
}

/**
 * The numbers of the messages, as long as the program is wanted. It logs in here, and not again
 * while the connection stands.
 */
async function* subscribe(url: string, headers: http.OutgoingHttpHeaders, running: Running): AsyncGenerator<number> {
  const stream = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, { headers }, resolve).on('error', reject);
  });
  if (stream.statusCode === 401) throw new Exit(EXIT.unauthorized, 'the server answered 401');
  if (stream.statusCode !== 200) throw new Exit(EXIT.subscription, `not authorized to read from queue ${name}`);
  running.up();
  // While nothing is being worked on, there is nothing to finish.
  let working = false;
  process.on('SIGTERM', () => {
    if (!working) process.exit(0);
  });
  for await (const line of createInterface({ input: stream })) {
    if (line === '') continue;
    working = true;
    yield (JSON.parse(line) as { message: number }).message;
    working = false;
  }
}
