/**
 * Owns the calls by which apps are stopped, started and given secrets. IBM publishes none of them:
 * all are assumed, and made only if accepted by name.
 */

import type { Secret } from '../../../ports/secret.js';
import { type App, fill, type SoarClient } from '../../key-stores/soar/client.js';

export class AppsClient {
  readonly #ids = new Map<string, string>();

  constructor(private readonly soar: SoarClient) {}

  /**
   * Null where no app has the name. Which app it is, is remembered; how it is, is asked each time.
   */
  async find(name: string, signal: AbortSignal): Promise<App | null> {
    const remembered = this.#ids.get(name);
    if (remembered !== undefined) {
      const app = await this.soar.app(remembered, signal);
      if (app?.name === name) return app;
    }
    const listed = (await this.soar.apps(signal)).find((app) => app.name === name);
    if (!listed) return null;
    this.#ids.set(name, listed.id);
    return this.soar.app(listed.id, signal);
  }

  /** Accepted with 202; that it is done shows in the app's state. */
  async switch(app: App, to: 'deploy' | 'undeploy', signal: AbortSignal): Promise<void> {
    this.soar.mustBeAccepted('soar-deploy-call');
    const { method, path } = this.soar.settings.calls[to];
    await this.soar.effect(
      {
        title: `${to} ${app.name}`,
        method,
        path: fill(path, { id: app.id }),
        answers: [200, 202, 204],
        emptyAnswers: [200, 202],
      },
      signal,
    );
  }

  /**
   * Write-only: no call shows the value again. A name that the app does not have is refused, unless
   * it `mayBeNew`.
   */
  async writeSecret(app: App, name: string, secret: Secret, signal: AbortSignal, mayBeNew = false): Promise<void> {
    this.soar.mustBeAccepted('soar-secrets-call');
    const { secret: change, newSecret: add } = this.soar.settings.calls;
    const title = `write the secret ${name} of ${app.name}`;
    const write = { title, method: change.method, path: fill(change.path, { id: app.id, name }), emptyAnswers: [200, 201] };
    const body = { [change.field]: secret };
    const reply = await this.soar.effect({ ...write, body, answers: [200, 201, 204, ...(mayBeNew ? [404] : [])] }, signal);
    if (reply.status !== 404) return;
    const made = { ...write, method: add.method, path: fill(add.path, { id: app.id }), body: { [add.name]: name, ...body } };
    await this.soar.effect({ ...made, answers: [200, 201, 204] }, signal);
  }

  /**
   * Puts a part of an app on a key: its app.config, and the handle by which the platform knows it.
   */
  async writeConfig(app: App, executable: string, handle: string, text: string, signal: AbortSignal): Promise<void> {
    this.soar.mustBeAccepted('soar-config-call');
    const { method, path, field } = this.soar.settings.calls.config;
    const call = { title: `write the app.config of ${app.name}`, method, path: fill(path, { id: app.id, executable }) };
    const body = { apikey_handle: handle, [field]: text };
    await this.soar.effect({ ...call, body, answers: [200, 201, 204], emptyAnswers: [200, 201] }, signal);
  }
}
