/**
 * Owns how much is done at once: whoever comes when all places are taken waits in line, as long as
 * its signal allows.
 */
import { RekeyError } from '../../../../workflows/domain/errors.js';

export class Limit {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves with what gives the place back. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#line.shift();
      if (next) next();
      else this.#free++;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#line.splice(this.#line.indexOf(turn), 1);
        reject(new RekeyError('KR_HOST_UNAVAILABLE', 'no turn came within the deadline; nothing was sent'));
      };
      const turn = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      if (signal.aborted) return reject(new RekeyError('KR_HOST_UNAVAILABLE', 'no time was left; nothing was sent'));
      this.#line.push(turn);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
