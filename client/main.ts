#!/usr/bin/env node
/**
 * Owns the command line: which commands there are, their arguments and help; what they do stands in
 * commands/.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { RekeyError } from '../workflows/domain/errors.js';
import { answersWaits, verbs } from '../workflows/domain/verbs.js';
import type { SetOptions } from './commands/attributes.js';
import type { HaltOptions, OpenOptions } from './commands/incident.js';
import { exec, sandboxHome } from './commands/processes.js';
import { type Answer, answerWith } from './output.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const rekey = new Command('rekey')
  .description('Rotates API keys without a refused request.')
  .version(version)
  .exitOverride()
  .showHelpAfterError(false);
const args = process.argv.slice(2);
const json = args.includes('--json');

/** A command with `--json` and an example in its help. */
function command(parent: Command, usage: string, description: string, example: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'JSON on standard output, progress on standard error')
    .addHelpText('after', `\nExample:\n  $ rekey ${example}`)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
}

// Loaded by the commands that need them: who asks for help or mistypes does not wait for Temporal.
const statusOf = () => import('./commands/status.js');
const applies = () => import('./commands/apply.js');
const attributesOf = () => import('./commands/attributes.js');

const run = (work: () => Promise<Answer>): Promise<never> => answerWith(json, work);
/**
 * The arguments after the words of the command itself, for a program that reads them on its own.
 */
const rest = (words: number): string[] => args.slice(words);

command(rekey, 'up', 'everything on this machine: PostgreSQL, Temporal and a worker, kept alive', 'up --sandbox')
  .option('--sandbox', 'simulated vendors with live traffic, too')
  .option('--vendors <names>', 'which of them, such as datadog,soar; all where it is left out')
  .option('--pace <times>', 'how many times slower than usual their consumers work')
  .action(() => exec('worker/commands/up.js', rest(1)));
command(rekey, 'sandbox', 'simulated vendors and live consumers alone', 'sandbox')
  .option('--home <folder>', 'where its state is kept')
  .option('--vendors <names>', 'which vendors, such as datadog,soar; all where it is left out')
  .option('--pace <times>', 'how many times slower than usual their consumers work')
  .action(({ home, vendors, pace }: { home?: string; vendors?: string; pace?: string }) =>
    exec('sandbox/main.js', [
      ...['--home', home ?? sandboxHome()],
      ...(vendors === undefined ? [] : ['--vendors', vendors]),
      ...(pace === undefined ? [] : ['--pace', pace]),
      ...(json ? ['--json'] : []),
    ]),
  );
command(rekey, 'apply', 'takes a configuration over, and adopts the keys that it names', 'apply -f rekey.yaml')
  .requiredOption('-f, --file <file>', 'the configuration')
  .action((options: { file: string }) => run(async () => (await applies()).apply(options.file)));
command(rekey, 'plan <name>', 'what a rotation would do; changes nothing', 'plan datadog/agents').action((name: string) =>
  run(async () => (await import('./commands/plan.js')).plan(name)),
);

command(rekey, 'rotate <name>', 'rotates a credential now', 'rotate datadog/agents --wait')
  .option('--wait', 'follow it until it has ended, or needs a person (exit code 3)')
  .option(
    '--without <consumer>',
    'leave a consumer behind on purpose; needs --reason',
    (value: string, before: string[]) => [...before, value],
    [] as string[],
  )
  .option('--reason <text>', 'why a consumer is left behind')
  .option('--outside-window', 'now, although its window is closed')
  .action((name: string, options: { wait?: boolean; without: string[]; reason?: string; outsideWindow?: boolean }) =>
    run(async () => {
      if (options.without.length > 0 && !options.reason) throw new RekeyError('KR_USAGE', '--without needs --reason');
      const { rotate } = await import('./commands/rotate.js');
      return rotate(name, {
        wait: options.wait ?? false,
        outsideWindow: options.outsideWindow ?? false,
        without: options.without.map((consumer) => ({ consumer, reason: options.reason! })),
      });
    }),
  );

command(rekey, 'status [name]', 'every credential, and what its rotation waits for', 'status --watch')
  .option('--label <label>', 'only credentials that are labelled so')
  .option('--watch', 'again every second')
  .action((name: string | undefined, { label, watch }: { label?: string; watch?: boolean }) =>
    watch && !json
      ? statusOf().then((words) => words.watch(name, label))
      : run(async () => (await statusOf()).status(name, label)),
  );
command(rekey, 'show <rotation>', 'steps, evidence, what it waits for, what may be said to it', "show 'datadog/agents#2'").action(
  (id: string) => run(async () => (await import('./commands/show.js')).show(id)),
);

const meanings: Readonly<Record<(typeof verbs)[number], string>> = {
  approve: 'lets a rotation through the gate that it waits at',
  reject: 'turns a rotation back at the gate that it waits at',
  pause: 'stops before the next step; never while programs are down',
  resume: 'goes on after a pause',
  retry: 'repeats the step that waits for a person',
  skip: 'ends a bake, or the proof of death',
  exempt: 'goes on without a consumer that is gone for good',
  amend: 'takes a consumer as a file declares it now, while nothing was done to it',
  expedite: 'shortens bake and grace, never evidence',
  abort: 'goes back to the old key; illegal beyond the point of no return',
};
for (const verb of verbs) {
  if (verb === 'amend') continue;
  const exempts = verb === 'exempt';
  const said = command(
    rekey,
    `${verb} <rotation>${exempts ? ' <consumer>' : ''}`,
    meanings[verb],
    `${verb} 'datadog/agents#2'${exempts ? ' legacy --reason "machine is gone"' : ''}`,
  ).option('--reason <text>', 'why, for the audit');
  if (answersWaits(verb))
    said.option('--wait <number>', 'the wait that it answers, as `show` numbers it; the open one unless said');
  said.action((id: string, second: unknown, third: unknown) => {
    const { reason = null, wait = null } = (exempts ? third : second) as { reason?: string; wait?: string };
    return run(async () => {
      const { sendVerb } = await import('./commands/verb.js');
      return sendVerb(verb, id, { reason, consumer: exempts ? (second as string) : null, wait });
    });
  });
}

command(
  rekey,
  'amend <rotation> <consumer>',
  meanings.amend,
  "amend 'datadog/agents#2' web-1 -f rekey.yaml --reason 'its restart command was wrong'",
)
  .option('-f, --file <file>', 'the configuration that declares it', 'rekey.yaml')
  .requiredOption('--reason <text>', 'why, for the audit')
  .action((id: string, consumer: string, { file, reason }: { file: string; reason: string }) =>
    run(async () => (await import('./commands/amend.js')).amend(id, consumer, file, reason)),
  );

const incident = rekey.command('incident').description('keys that have leaked').exitOverride();
const several = (value: string, before: string[]) => [...before, value];
command(
  incident,
  'open',
  'marks keys as leaked for good, and has them dead; says first what it would do',
  "incident open --key datadog/agents --rotate --reason 'pushed to a public repository'",
)
  .option('--leaked <file>', 'what was found by a scanner, or a value a line; - reads it from standard input')
  .option('--key <name>', 'NAME, the key that is served, or NAME#GENERATION; may be repeated', several, [] as string[])
  .option('--store <name>', 'every key of a store', several, [] as string[])
  .option('--host <name>', 'every key that a program of a host uses', several, [] as string[])
  .option('--label <label>', 'every key that is labelled so', several, [] as string[])
  .option('--list <file>', 'names as for --key, one a line')
  .option('--rotate', 'another key first; the leaked one dies once every program shows the other')
  .option('--contain', 'the leaked key dies now; its programs are refused until they have another')
  .option('--revoke-by <duration>', 'with --rotate: after that it dies, whoever is behind')
  .option('--reason <text>', 'why, for the audit')
  .option('--yes', 'begin; without it, and without a terminal, the plan is shown (exit code 3)')
  .option('--wait', 'follow it until it is over, or needs a person (exit code 3)')
  .action((options: OpenOptions) => run(async () => (await import('./commands/incident.js')).open(options)));
command(incident, 'list', 'every incident', 'incident list').action(() =>
  run(async () => (await import('./commands/incident.js')).list()),
);
command(incident, 'show <number>', 'what has come of its keys, and what it waits for', 'incident show 3').action(
  (number: string) => run(async () => (await import('./commands/incident.js')).show(number)),
);
command(
  incident,
  'report <number>',
  'the record: what became of each key, who was without one, who decided what',
  'incident report 3 --html > report.html',
)
  .option('--html', 'a page to print, on standard output')
  .action((number: string, options: { html?: boolean }) =>
    run(async () => (await import('./commands/incident-report.js')).report(number, options)),
  );
command(incident, 'watch <number>', 'follows it until it is over, or needs a person (exit code 3)', 'incident watch 3').action(
  (number: string) => run(async () => (await import('./commands/incident.js')).watch(number)),
);
const rehearse = rekey.command('rehearse').description('what one should have done once before it is needed').exitOverride();
command(
  rehearse,
  'leak',
  'in a sandbox of its own: a key of each vendor is found in a made-up report, and answered for',
  'rehearse leak --contain',
)
  .option('--rotate', 'another key first; what is done unless something is said')
  .option('--contain', 'the leaked keys die first')
  .action(() => exec('sandbox/demo/rehearse.js', rest(2)));

for (const [verb, to, meaning] of [
  ['pause', 'paused', 'begins and takes away nothing until it is resumed, but for what is beyond return'],
  ['resume', 'open', 'goes on after a pause'],
  ['stop', 'stopped', 'begins and takes away nothing any more, but for what is beyond return; the marks stay'],
] as const) {
  const halt = command(incident, `${verb} <number>`, meaning, `incident ${verb} 3`)
    .option('--reason <text>', 'why, for the audit')
    .action((number: string, options: HaltOptions) =>
      run(async () => (await import('./commands/incident.js')).halt(number, to, options)),
    );
  if (verb === 'stop') halt.option('--abort', 'and turn back its runs that still may; names those that may not');
}

command(
  rekey,
  'provide <rotation>',
  'says that a person has done what the rotation asked for; a key comes from standard input or a hidden prompt',
  "provide 'dnn/site#2' < new-key",
)
  .option('--id <id>', "the store's id of the new key, where it shows one")
  .option('--done', 'there is no key to hand in: it was disabled, enabled or deleted, or a program was changed')
  .option('--fingerprint <fingerprint>', 'the one that the program shows which was changed')
  .action(() => exec('worker/commands/provide.js', rest(1)));
command(rekey, 'keys [name]', 'every version of every credential, without secrets', 'keys datadog/agents').action(
  (name: string | undefined) => run(async () => (await import('./commands/keys.js')).keys(name)),
);
command(
  rekey,
  'adopt <name>',
  'takes over a key that exists; its secret comes from standard input',
  'adopt datadog/agents --id 6f1c9f6e-… < secret-file',
)
  .option('--id <id>', "the store's id of the key; left out where the key is its own id")
  .action(() => exec('worker/commands/adopt.js', rest(1)));
const attributes = rekey.command('attributes').description('what a key may do, without a new secret').exitOverride();
command(
  attributes,
  'show <name>',
  'the key as its store shows it, and how it differs from rekey.yaml',
  'attributes show docspace/exports',
).action((name: string) => run(async () => (await attributesOf()).showAttributes(name)));
command(
  attributes,
  'set <name>',
  'changes the key and keeps its secret; what is not said stays as it is. A change that opens something waits for an approval',
  'attributes set docspace/exports --permissions files:read,rooms:read',
)
  .option('--name <text>', 'the name that the store shows')
  .option('--permissions <list>', 'all of them, with commas between')
  .option('--active <boolean>', 'false switches the key off; refused while anybody is declared to use it')
  .option(
    '--set <right=value>',
    'any other attribute of the store, written as in rekey.yaml; may be repeated',
    (value: string, before: string[]) => [...before, value],
    [] as string[],
  )
  .option('--reset-unspecified', 'what is not said gets what the vendor gives where nothing is said')
  .option('--undo', 'back to what it was before its last change')
  .option('--yes', 'also if it opens something')
  .action((name: string, options: SetOptions) => run(async () => (await attributesOf()).setAttributes(name, options)));
const audit = rekey.command('audit').description('the audit trail').exitOverride();
command(audit, 'verify', 'recomputes every hash chain, and holds it against the heads that were signed', 'audit verify')
  .option('--heads <file>', 'a copy of the signed heads, in place of the one that workers append to')
  .action(() => exec('worker/commands/audit-verify.js', rest(2)));
const vault = rekey.command('vault').description('the encrypted secrets').exitOverride();
command(vault, 'rewrap', 'wraps every secret under a new master key', 'vault rewrap')
  .option('--to <id>', 'a key file that is there already')
  .action(() => exec('worker/commands/vault-rewrap.js', rest(2)));
const config = rekey.command('config').description('the configuration').exitOverride();
command(config, 'check', 'every problem of a file at once; changes nothing', 'config check -f rekey.yaml')
  .requiredOption('-f, --file <file>', 'the configuration')
  .action((options: { file: string }) => run(async () => (await applies()).check(options.file)));
command(config, 'show', 'the applied configuration with its defaults', 'config show').action(() =>
  run(async () => (await applies()).show()),
);
command(rekey, 'doctor', 'what is wrong here, and the remedy', 'doctor').action(() =>
  run(async () => (await import('./commands/doctor.js')).doctor()),
);
command(rekey, 'worker', 'serves workflows, stores and hosts', 'worker --queue store.datadog')
  .option('--queue <queue...>', 'only these queues')
  .action(() => exec('worker/commands/worker.js', rest(1)));
command(rekey, 'migrate', 'brings the database up to date', 'migrate').action(() => exec('worker/commands/migrate.js', rest(1)));

try {
  await rekey.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) process.exit(0);
  await answerWith(json, async () => {
    throw new RekeyError('KR_USAGE', error.message.replace(/^error: /, ''));
  });
}
