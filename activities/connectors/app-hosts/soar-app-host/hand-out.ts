/**
 * Owns giving an app a key: the secret under the name that the app has for it, and parts that are
 * on another key of the credential moved to this one.
 */
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { Delivery } from '../../../ports/app-host.js';
import type { Secret } from '../../../ports/secret.js';
import type { ApiKey, App, SoarClient } from '../../key-stores/soar/client.js';
import { moved } from './app-config.js';
import { handlesOf, type Part, partsOf } from './app-state.js';
import type { AppsClient } from './client.js';
import { consumer } from './config.js';
import { secretNames } from './secrets.js';

export class HandOut {
  constructor(
    private readonly soar: SoarClient,
    private readonly apps: AppsClient,
    private readonly host: string,
  ) {}

  /**
   * Parts of the app that are on another key of the credential are moved to this one; those that
   * are on it get the secret under the name that they have for it. What else the app uses keys for
   * is left alone.
   */
  async give(app: App, { consumer: spec, version, otherKeys }: Delivery, signal: AbortSignal): Promise<void> {
    const settings = consumer.parse(spec.settings);
    const handle = this.soar.clientIdOf(await this.#key(version.keyId, signal));
    const others = otherKeys.length > 0 ? await this.#handles(otherKeys, signal) : [];
    const stale = partsOf(app).filter(({ apikey_handle }) => apikey_handle && others.includes(apikey_handle));
    const shown = handlesOf(app);
    const isOnIt = shown.includes(handle) || shown.length === 0;
    if (!isOnIt && stale.length === 0) throw this.#refused(app, 'it does not use this key');
    if (stale.length > 0) await this.#move(app, stale, handle, version.secret, signal);
    if (!isOnIt) return;
    for (const name of settings.secret ? [settings.secret] : this.#secretNames(app, handle)) {
      await this.apps.writeSecret(app, name, version.secret, signal);
    }
  }

  async #key(keyId: string, signal: AbortSignal): Promise<ApiKey> {
    const found = await this.soar.get(keyId, signal);
    if (found) return found.key;
    throw new RekeyError('KR_HOST_REFUSED', `${this.host}: there is no key ${keyId}`);
  }

  #secretNames(app: App, handle: string): readonly string[] {
    const names = secretNames(app, handle);
    if (names.ok) return names.names;
    throw this.#refused(app, `${names.reason}; say under which name it is kept with \`secret:\` of the consumer`);
  }

  /**
   * Secret first, under a name that nothing refers to yet; then each part is put on the key in one
   * write.
   */
  async #move(app: App, parts: readonly Part[], to: string, secret: Secret, signal: AbortSignal): Promise<void> {
    this.soar.mustBeAccepted('soar-config-call');
    const changes = parts.map(({ id, config_string, apikey_handle }) => {
      const change = moved(config_string ?? '', apikey_handle!, to);
      if (!change.ok) throw this.#refused(app, change.reason);
      if (!id) throw this.#refused(app, 'App Host shows no id of the part that uses the key');
      return { id, ...change };
    });
    for (const name of new Set(changes.map(({ secretName }) => secretName)))
      await this.apps.writeSecret(app, name, secret, signal, true);
    for (const { id, text } of changes) await this.apps.writeConfig(app, id, to, text, signal);
  }

  /** What programs log in with, of those keys that are still there. */
  async #handles(keyIds: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const keys = await this.soar.list(signal);
    return keys.filter(({ id }) => keyIds.includes(String(id))).map((key) => this.soar.clientIdOf(key));
  }

  #refused(app: App, reason: string): RekeyError {
    return new RekeyError('KR_HOST_REFUSED', `${this.host}: ${app.name}: ${reason}`);
  }
}
