/** Owns the question under which names an app keeps the secret of a key. */
import type { App } from '../../key-stores/soar/client.js';

export type SecretNames =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/**
 * The names of the app secrets to which `api_key_secret` in the app's configuration refers, for
 * every part of the app that uses the key. IBM: `$NAME` and `${NAME}` are app secrets, `^NAME`
 * stands in an external vault (resilient-python-api, resilient/app_config.py).
 */
export function secretNames(app: App, handle: string): SecretNames {
  const parts = (app.current_installation?.executables ?? []).filter((e) => e.apikey_handle === handle);
  if (parts.length === 0) return { ok: false, reason: 'it does not use this key' };
  const names = new Set<string>();
  for (const { config_string } of parts) {
    const value = /^[ \t]*api_key_secret[ \t]*=[ \t]*(\S+)/m.exec(config_string ?? '')?.[1];
    const name = /^\$\{?(\w+)\}?$/.exec(value ?? '')?.[1];
    if (name !== undefined) names.add(name);
    else if (value?.startsWith('^')) return { ok: false, reason: 'its secret stands in an external vault; hand it out there' };
    else return { ok: false, reason: 'its app.config does not take api_key_secret from an app secret ($NAME)' };
  }
  return { ok: true, names: [...names] };
}
