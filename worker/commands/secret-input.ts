/**
 * Owns how a secret is handed in by a person: on standard input, or typed where nobody can read it;
 * never as an argument.
 */
import { text } from 'node:stream/consumers';
import { RekeyError } from '../../workflows/domain/errors.js';

/** Empty where nothing was handed in. `prompt` is asked on a terminal. */
export async function readSecret(prompt: string | null): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n$/, '');
  return prompt === null ? '' : readHidden(prompt);
}

function readHidden(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  process.stdin.setRawMode(true).setEncoding('utf8').resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = () => {
      process.stdin.setRawMode(false).pause();
      process.stderr.write('\n');
    };
    process.stdin.on('data', (keys: string) => {
      for (const key of keys) {
        if (key === '\r' || key === '\n') {
          end();
          return resolve(typed);
        }
        if (key === '\u0003') {
          end();
          return reject(new RekeyError('KR_USAGE', 'interrupted; nothing was handed in'));
        }
        typed = key === '\u007f' ? typed.slice(0, -1) : typed + key;
      }
    });
  });
}
