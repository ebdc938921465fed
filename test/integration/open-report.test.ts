/** A report as a shell hands it in: it needs a program of its own, as it was built. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const dist = path.resolve(import.meta.dirname, '../../dist/client/leaks');
const url = (file: string): string => pathToFileURL(path.join(dist, file)).href;
const program = `
  const { openReport } = await import('${url('open-report.js')}');
  const { readReport } = await import('${url('report.js')}');
  console.log(await readReport(openReport(process.argv[1])).then(({ read }) => read, (error) => error.message));
`;

it.each([
  ['a process substitution', `<(printf 'a\\nb\\n')`, '2'],
  ['a pipe', `- < <(printf 'a\\nb\\n')`, '2'],
  ['a here-document', `- <<< a`, '1'],
  ['standard input by its path', `/dev/stdin <<< a`, '1'],
  ['standard input that was closed', '- <&-', '0'],
  ['a folder as standard input', '- < /', 'KR_LEAKS_UNREADABLE: what was given as the report is a folder'],
])('%s is taken for what it is', (_, redirected, said) => {
  const { stdout } = spawnSync('bash', ['-c', `"$0" --input-type=module --eval "$1" ${redirected}`, process.execPath, program]);
  expect(stdout.toString().trim()).toBe(said);
});
