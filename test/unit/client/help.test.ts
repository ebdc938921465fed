/** Every command that the help names has a help of its own, with an example that begins with it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../../dist/client/main.js');
const run = promisify(execFile);

interface Help {
  readonly command: string;
  readonly text: string;
}

/** Of this command, or of those below it where it only groups them. */
async function helpsOf(words: readonly string[]): Promise<readonly Help[]> {
  const { stdout: text } = await run(process.execPath, [main, ...words, '--help']);
  const [, listed = ''] = text.split('\nCommands:\n');
  const names = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
  if (names.length === 0) return [{ command: words.join(' '), text }];
  const below: Help[] = [];
  for (const name of names) below.push(...(await helpsOf([...words, name])));
  return below;
}

it('is shown for every command, with an example', async () => {
  const helps = await helpsOf([]);
  expect(helps.length).toBeGreaterThan(25);
  expect(helps.filter(({ command, text }) => !text.includes(`$ rekey ${command}`))).toEqual([]);
});
