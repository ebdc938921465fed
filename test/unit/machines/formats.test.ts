import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NoPlace } from '../../../activities/connectors/machines/formats/format.js';
import { findIn } from '../../../activities/connectors/machines/formats/index.js';

const old = 'aaaabbbbccccddddeeeeffff00001111';
const next = 'f1e2d3c4b5a6978877665544332211ff';

type Case = readonly [title: string, at: string, before: string, after: string];

const yaml: Case[] = [
  [
    'plain, with a comment',
    'api_key',
    `# top\r\napi_key: ${old} # ours\r\nsite: x\r\n`,
    `# top\r\napi_key: ${next} # ours\r\nsite: x\r\n`,
  ],
  ['double quotes', 'api_key', `api_key:   "${old}"`, `api_key:   "${next}"`],
  ['single quotes', 'api_key', `api_key: '${old}'\n`, `api_key: '${next}'\n`],
  ['nested', 'a.api_key', `api_key: other\na:\n    api_key: ${old}\n`, `api_key: other\na:\n    api_key: ${next}\n`],
  ['in a flow', 'a.k', `a: {k: ${old}, l: 1}\n`, `a: {k: ${next}, l: 1}\n`],
  ['empty', 'api_key', 'api_key:\nb: 1\n', `api_key: ${next}\nb: 1\n`],
  ['empty, with a blank', 'api_key', 'api_key: \nb: 1\n', `api_key: ${next}\nb: 1\n`],
  ['empty, with a comment', 'api_key', 'api_key: # none\n', `api_key: ${next} # none\n`],
  ['tagged', 'api_key', `api_key: !!str ${old}\n`, `api_key: !!str ${next}\n`],
  ['behind a byte order mark', 'api_key', `\u00ef\u00bb\u00bfapi_key: ${old}\n`, `\u00ef\u00bb\u00bfapi_key: ${next}\n`],
  [
    'beside bytes of any encoding',
    'api_key',
    `# caf\u00e9 \u00c3\u00a9\napi_key: ${old}\n`,
    `# caf\u00e9 \u00c3\u00a9\napi_key: ${next}\n`,
  ],
  ['under a name that is not ASCII', 'schlüssel', `schl\u00c3\u00bcssel: ${old}\n`, `schl\u00c3\u00bcssel: ${next}\n`],
];

const datadogConf: Case[] = [
  [
    'as documented',
    'api_key',
    `[Main]\n# api_key: no\napi_key: ${old}\nx: y\n`,
    `[Main]\n# api_key: no\napi_key: ${next}\nx: y\n`,
  ],
  ['no space', 'api_key', `[Main]\napi_key:${old}\n`, `[Main]\napi_key: ${next}\n`],
  ['too many spaces and quotes', 'api_key', `api_key:    "${old}"\n`, `api_key: ${next}\n`],
  ['equals sign', 'api_key', `api_key = ${old}\r\nb = 1\r\n`, `api_key = ${next}\r\nb = 1\r\n`],
  ['comment behind it', 'api_key', `api_key: ${old} ; ours\n`, `api_key: ${next} ; ours\n`],
  ['empty', 'api_key', 'api_key:\nb: 1\n', `api_key: ${next}\nb: 1\n`],
  ['in a section', 'b.api_key', `[a]\napi_key: x\n[b]\nAPI_KEY: ${old}\n`, `[a]\napi_key: x\n[b]\nAPI_KEY: ${next}\n`],
  [
    'not a continued line',
    'api_key',
    `note: see\n  api_key: below\napi_key: ${old}`,
    `note: see\n  api_key: below\napi_key: ${next}`,
  ],
];

const dotenv: Case[] = [
  ['plain', 'DD_API_KEY', `A=1\nDD_API_KEY=${old}\nB=2`, `A=1\nDD_API_KEY=${next}\nB=2`],
  [
    'exported, quoted, with a comment',
    'DD_API_KEY',
    `export DD_API_KEY="${old}" # ours\r\n`,
    `export DD_API_KEY="${next}" # ours\r\n`,
  ],
  ['single quotes', 'K', `K='${old}'\n`, `K='${next}'\n`],
  ['plain, with a comment', 'K', `K=${old} # ours\n`, `K=${next} # ours\n`],
  ['spaces around', 'K', `K = ${old}  \n`, `K = ${next}  \n`],
  ['empty', 'K', 'K=\nL=1\n', `K=${next}\nL=1\n`],
  ['commented out above', 'K', `#K=x\n# K=y\nK=${old}\n`, `#K=x\n# K=y\nK=${next}\n`],
  ['not the line of another value', 'K', `N="two\nK=lines"\nK=${old}\n`, `N="two\nK=lines"\nK=${next}\n`],
];

const json: Case[] = [
  [
    'nested, in any layout',
    'a.key',
    `{"key":"x",\t"a" : {"n": 1.0e3,\r\n\t\t"key":"${old}" } }`,
    `{"key":"x",\t"a" : {"n": 1.0e3,\r\n\t\t"key":"${next}" } }`,
  ],
  ['in a list', 'a.1.k', `{"a":[{"k":"x"},{"k":"${old}"}]}\n`, `{"a":[{"k":"x"},{"k":"${next}"}]}\n`],
  ['empty', 'k', '{"k": ""}', `{"k": "${next}"}`],
  ['null', 'k', '{"k": null, "l": [1, {"k": 2}]}', `{"k": "${next}", "l": [1, {"k": 2}]}`],
  ['behind a byte order mark', 'k', `\u00ef\u00bb\u00bf{"k":"${old}"}`, `\u00ef\u00bb\u00bf{"k":"${next}"}`],
  [
    'beside texts that look like it',
    'k',
    `{"a":"\\"k\\": 1, {[","b":["]",{}],"k":"${old}"}`,
    `{"a":"\\"k\\": 1, {[","b":["]",{}],"k":"${next}"}`,
  ],
  ['under an escaped name', 'kä', `{"k\u00c3\u00a4":"${old}"}`, `{"k\u00c3\u00a4":"${next}"}`],
];

const ini: Case[] = [
  [
    'in a section',
    'b.key',
    `key=x\n[a]\nkey=y\n[b]\n; key=z\nkey = ${old}  \r\nl=1`,
    `key=x\n[a]\nkey=y\n[b]\n; key=z\nkey = ${next}  \r\nl=1`,
  ],
  ['before every section', 'key', `key=${old}`, `key=${next}`],
  ['with a colon', 'key', `[a]\nkey: ${old}\n`, `[a]\nkey: ${next}\n`],
  ['quoted', 'key', `key="${old}"\n`, `key="${next}"\n`],
  ['empty', 'key', 'key =\nl = 1\n', `key =${next}\nl = 1\n`],
  ['all indented, as Git does', 'a.key', `[a]\n\tl = 1\n\tkey = ${old}\n`, `[a]\n\tl = 1\n\tkey = ${next}\n`],
  ['beside a continued value', 'key', `l = 1\n  key = in it\nkey = ${old}\n`, `l = 1\n  key = in it\nkey = ${next}\n`],
  ['in a section with dots', 'a.b.key', `[a.b]\nkey=${old}\n`, `[a.b]\nkey=${next}\n`],
  ['behind a byte order mark', 'key', `\u00ef\u00bb\u00bfkey=${old}\n`, `\u00ef\u00bb\u00bfkey=${next}\n`],
];

const whole: Case[] = [
  ['with a line end', '', `${old}\n`, `${next}\n`],
  ['without', '', old, next],
  ['empty', '', '', next],
  ['an empty line', '', '\r\n', `${next}\r\n`],
];

describe.each([
  ['yaml', yaml],
  ['json', json],
  ['ini', ini],
  ['whole', whole],
  ['datadog-conf', datadogConf],
  ['dotenv', dotenv],
] as const)('%s', (format, cases) => {
  it.each(cases)('changes only the value: %s', (_, at, before, after) => {
    const place = findIn[format](before, at);
    expect(place.value.replaceAll('"', '')).toBe(before.includes(old) ? old : '');
    expect(place.replace(next)).toBe(after);
    expect(findIn[format](after, at).value).toBe(next);
  });
});

describe('a place that cannot be told is refused, without quoting the file', () => {
  it.each([
    ['yaml', 'api_key', 'site: x\n', /there is no api_key/],
    ['yaml', 'api_key', `api_key: "${old}\n`, /not valid YAML, line 2 \(MISSING_CHAR\)/],
    ['yaml', 'api_key', `api_key: ${old}\napi_key: ${old}\n`, /not valid YAML/],
    ['yaml', 'api_key', `a: &k ${old}\napi_key: *k\n`, /alias/],
    ['yaml', 'a', `a: &k ${old}\napi_key: *k\n`, /anchor/],
    ['yaml', 'api_key', `api_key: |\n  ${old}\n`, /block/],
    ['yaml', 'api_key', 'api_key: [a]\n', /not a single value/],
    ['yaml', 'api_key', 'api_key: ENC[handle]\n', /secret backend/],
    ['json', 'k', `{"k": "${old}"`, /not valid JSON/],
    ['json', 'k', '{"l": 1}', /there is no k/],
    ['json', 'k', `{"k": "a", "k": "${old}"}`, /2 times/],
    ['json', 'k', '{"k": 1}', /not a text/],
    ['json', 'k', '{"k": {"l": "m"}}', /not a text/],
    ['ini', 'key', 'l=1\n', /there is no key/],
    ['ini', 'key', `[a]\nkey=x\n[b]\nKEY=${old}\n`, /2 times/],
    ['ini', 'key', `key=${old}\n  more\n`, /goes on/],
    ['ini', 'key', `key=${old} ; ours\n`, /comment or quotes/],
    ['ini', 'key', `key="${old}" # ours\n`, /comment or quotes/],
    ['ini', 'key', 'key=%(other)s\n', /another value/],
    ['whole', '', `${old}\n\n`, /more than one line/],
    ['whole', '', `# ours\n${old}`, /more than one line/],
    ['datadog-conf', 'api_key', 'x: y\n', /there is no api_key/],
    ['datadog-conf', 'api_key', `[a]\napi_key: x\n[b]\napi_key: ${old}\n`, /2 times/],
    ['datadog-conf', 'api_key', `api_key: x,${old}\n`, /several keys/],
    ['dotenv', 'K', 'L=1\n', /there is no K/],
    ['dotenv', 'K', `K=a\nK=${old}\n`, /2 times/],
    ['dotenv', 'K', 'K=${' + 'OTHER}\n', /another variable/],
  ] as const)('%s %s in %j', (format, at, text, reason) => {
    const find = () => findIn[format](text, at);
    expect(find).toThrow(NoPlace);
    expect(find).toThrow(reason);
    expect(find).not.toThrow(old);
  });
});

describe('a new value', () => {
  it.each([
    '123e4567890123456789012345678901',
    '12345678901234567890123456789012',
    '0x123456789012345678901234567890',
    'true',
    'yes',
  ])('that YAML would take for something else is quoted: %s', (value) => {
    expect(findIn.yaml(`api_key: ${old}\n`, 'api_key').replace(value)).toBe(`api_key: "${value}"\n`);
  });

  it('that its quoting cannot hold is refused', () => {
    expect(() => findIn.dotenv(`K=${old}\n`, 'K').replace("it's")).toThrow(NoPlace);
    expect(() => findIn.dotenv(`K='${old}'\n`, 'K').replace("it's")).toThrow(NoPlace);
    expect(() => findIn.dotenv(`K="${old}"\n`, 'K').replace('$HOME')).toThrow(NoPlace);
    expect(() => findIn.ini(`K=${old}\n`, 'K').replace('a;b')).toThrow(NoPlace);
    expect(() => findIn.ini(`K="${old}"\n`, 'K').replace('a"b')).toThrow(NoPlace);
    expect(() => findIn.ini(`K="${old}"\n`, 'K').replace('50%')).toThrow(NoPlace);
  });

  it('of any kind is read back as it was written, with nothing else touched', () => {
    const value = fc.stringMatching(/^[!-~]{1,40}$/);
    const quote = fc.constantFrom('', '"', "'");
    const ending = fc.constantFrom('\n', '\r\n', '');
    fc.assert(
      fc.property(
        fc.constantFrom('yaml' as const, 'dotenv' as const, 'ini' as const, 'json' as const),
        value,
        quote,
        ending,
        (format, secret, q, end) => {
          const inJson = format === 'json';
          const head = inJson ? `{"a": 1,${end}"K": ` : `# a${end || '\n'}K${format === 'yaml' ? ': ' : '='}`;
          const tail = inJson ? `}${end}` : end;
          const before = inJson ? `${head}"${old}"${tail}` : `${head}${q}${old}${q}${tail}`;
          let after: string;
          try {
            after = findIn[format](before, 'K').replace(secret);
          } catch (error) {
            return error instanceof NoPlace && (format === 'dotenv' || format === 'ini');
          }
          if (!after.startsWith(head) || !after.endsWith(tail)) return false;
          return (format === 'yaml' && /^(ENC\[.*\])$/.test(secret)) || findIn[format](after, 'K').value === secret;
        },
      ),
    );
  });
});
