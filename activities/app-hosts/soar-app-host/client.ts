/** Owns the calls by which apps are stopped, started and given secrets. IBM publishes none of them: all are assumed, and made only if accepted by name. */
import { type App, fill, type SoarClient } from '../../key-stores/soar/client.js';
import type { Secret } from '../../ports/secret.js';

export class AppsClient {
  readonly #ids = new Map<string, string>();

  constructor(private readonly soar: SoarClient) {}

  /** Null where no app has the name. Which app it is, is remembered; how it is, is asked each time. */
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

  /** Write-only: no call shows the value again. */
  async writeSecret(app: App, name: string, secret: Secret, signal: AbortSignal): Promise<void> {
    this.soar.mustBeAccepted('soar-secrets-call');
    const { method, path, field } = this.soar.settings.calls.secret;
    const call = { title: `write the secret ${name} of ${app.name}`, method, path: fill(path, { id: app.id, name }) };
    await this.soar.effect({ ...call, body: { [field]: secret }, answers: [200, 201, 204], emptyAnswers: [200, 201] }, signal);
  }
}
