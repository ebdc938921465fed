/** Owns stopping and starting an app, which is how it comes to read its key anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyError } from '../../../../workflows/domain/errors.js';
import type { App } from '../../key-stores/soar/client.js';
import { stateOf } from './app-state.js';
import type { AppsClient } from './client.js';

/** Milliseconds between two looks at an app that is being stopped; each look is a login. */
const pollInterval = 300;

/**
 * Apps read key and secret at the start only, so a hand-out to one that runs is undeploy and
 * deploy, as IBM tells people to do ("Regenerating an API key"). It always is: from outside, an app
 * that started a moment too early looks like one that has the new key.
 */
export async function restart(apps: AppsClient, app: App, host: string, signal: AbortSignal): Promise<void> {
  const state = stateOf(app);
  if (state !== 'stopped') {
    if (state !== 'stopping') await apps.switch(app, 'undeploy', signal);
    await untilStopped(apps, app.name, host, signal);
  }
  await apps.switch(app, 'deploy', signal);
}

/**
 * Waits as long as the caller does. What was sent before cannot be taken back, so an end of
 * patience is unclear.
 */
async function untilStopped(apps: AppsClient, name: string, host: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const app = await apps.find(name, signal);
      if (!app || stateOf(app) === 'stopped') return;
      await sleep(pollInterval, undefined, { signal });
    } catch (error) {
      const detail = error instanceof RekeyError ? error.detail : `${host}: no time was left to wait`;
      throw new RekeyError('KR_HOST_UNCLEAR', `${detail}; ${name} was told to stop, and is not started yet`);
    }
  }
}
