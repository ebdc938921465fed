/**
 * Owns the straight script that the in-place sequence is measured against: the same calls to the
 * same simulator, with no books and no second thoughts.
 */
import { readFileSync } from 'node:fs';
import { sleep } from '../support/lane.js';

interface Soar {
  readonly url: string;
  readonly keyId: string;
  readonly keySecret: string;
}

interface App {
  readonly id: number;
  readonly status: string;
  readonly instances: readonly { readonly state: string }[];
}

/** Address and management credential out of the sandbox's own rekey.yaml. */
export function soarOf(config: string): Soar {
  const text = readFileSync(config, 'utf8');
  const section = text.slice(text.indexOf('kind: soar'));
  const url = /url: (\S+)/.exec(section)![1]!;
  const [keyId, keySecret] = ['keyId', 'keySecret'].map((name) =>
    readFileSync(new RegExp(`${name}: "file:([^"]+)"`).exec(section)![1]!, 'utf8').trim(),
  );
  return { url, keyId: keyId!, keySecret: keySecret! };
}

/** Milliseconds from the first undeploy until both apps run again. */
export async function straightScript(soar: Soar): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${soar.keyId}:${soar.keySecret}`).toString('base64')}`;
  const call = async <Answer>(method: string, route: string, body?: object, as = authorization): Promise<Answer> => {
    const response = await fetch(`${soar.url}/rest${route}`, {
      method,
      headers: { authorization: as, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status}`);
    return (await response.json()) as Answer;
  };
  const apps = [101, 102];
  const until = async (done: (app: App) => boolean) => {
    while (!(await Promise.all(apps.map((id) => call<App>('GET', `/orgs/201/apps/${id}`)))).every(done)) await sleep(100);
  };
  const key = await call<{ client_id: string }>('GET', '/orgs/201/apikeys/17');

  const began = performance.now();
  await Promise.all(apps.map((id) => call('POST', `/orgs/201/apps/${id}/undeploy`)));
  await until((app) => app.status === 'UNDEPLOYED' && app.instances.length === 0);
  const { client_secret: secret } = await call<{ client_secret: string }>('PUT', '/orgs/201/apikeys/17', {
    ...key,
    regenerate_secret: true,
  });
  await Promise.all(apps.map((id) => call('PUT', `/orgs/201/apps/${id}/secrets/API_KEY_SECRET`, { value: secret })));
  await call('GET', '/session', undefined, `Basic ${Buffer.from(`${key.client_id}:${secret}`).toString('base64')}`);
  await Promise.all(apps.map((id) => call('POST', `/orgs/201/apps/${id}/deploy`)));
  await until((app) => app.status === 'DEPLOYED' && app.instances.some((i) => i.state === 'running'));
  return performance.now() - began;
}
