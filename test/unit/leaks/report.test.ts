/** Reports are read as their tools write them, and nobody has to say which tool it was. */
import { describe, expect, it } from 'vitest';
import { holds, json, leakedAt, reportOf } from './support.js';

const first = '3f1c0b8e94d24f7ab1d6c05e7a2f9c31';
const second = 'a7e5d90c1b3f48e2960d8c7b4f2e1a05';
const none = { redacted: 0, empty: 0, tooLong: 0, noValue: 0 };

const gitleaks = (changes: object = {}) => ({
  RuleID: 'generic-api-key',
  Description: 'Detected a Generic API Key, potentially exposing access to various services and sensitive operations.',
  StartLine: 12,
  EndLine: 12,
  StartColumn: 9,
  EndColumn: 52,
  Match: `api_key: "${first}"`,
  Secret: first,
  File: 'deploy/datadog.yaml',
  SymlinkFile: '',
  Commit: '0c4f1b2f9a1f6c1d8d4f0f3c2b7a6d5e4c3b2a19',
  Entropy: 3.7,
  Author: 'Jane Roe',
  Email: 'jane@example.com',
  Date: '2026-11-02T23:37:53Z',
  Message: 'agents in the new region',
  Tags: [],
  Fingerprint: '0c4f1b2f9a1f6c1d8d4f0f3c2b7a6d5e4c3b2a19:deploy/datadog.yaml:generic-api-key:12',
  ...changes,
});

const trufflehog = (changes: object = {}, timestamp = '2026-11-16 10:17:40 -0700 PDT') => ({
  SourceMetadata: {
    Data: {
      Git: {
        commit: 'fbc14303ffbf8fb1c2c1914e8dda7d0121633aca',
        file: 'keys',
        email: 'Jane Roe <jane@example.com>',
        repository: 'https://github.com/example/orders',
        timestamp,
        line: 4,
      },
    },
  },
  SourceID: 1,
  SourceType: 16,
  SourceName: 'trufflehog - git',
  DetectorType: 923,
  DetectorName: 'DatadogApikey',
  DecoderName: 'PLAIN',
  Verified: true,
  Raw: first,
  RawV2: '',
  Redacted: '',
  ExtraData: null,
  StructuredData: null,
  ...changes,
});

describe('a report of gitleaks', () => {
  it('has its values in Secret; one that was found several times is one, and leaked when it was first committed', async () => {
    const dates = ['2026-11-02T23:37:53Z', '2025-01-02T03:04:05+02:00', '', '2025-06-01T00:00:00Z'];
    const found = [...dates.map((date) => gitleaks({ Date: date })), gitleaks({ Secret: `${second}\n`, Date: '10-19-2003' })];
    const report = await json(found);
    expect(report.values.length).toBe(2);
    expect(report).toMatchObject({ read: 5, notComparable: none });
    expect(leakedAt(report, first)).toBe('2025-01-02T01:04:05.000Z');
    expect(leakedAt(report, second)).toBeNull();
  });

  it.each(['[]', '[ ]\n', 'null', '', '\n\n'])('may be empty: %j', async (text) => {
    expect(await reportOf(text)).toEqual({ values: [], read: 0, notComparable: none });
  });

  it.each([
    'REDACTED',
    'redacted',
    '[REDACTED]',
    '3f1c0b8e...',
    '3f1c0b8e…',
    '3f1c********************9c31',
  ])('cannot be compared where it was redacted: %s', async (shown) => {
    const report = await json([gitleaks({ Secret: shown }), gitleaks({ Secret: second })]);
    expect(report.values.length).toBe(1);
    expect(report.notComparable).toEqual({ ...none, redacted: 1 });
  });
});

describe('a report of trufflehog', () => {
  const logs = [
    '🐷🔑🐷  TruffleHog. Unearth your secrets. 🐷🔑🐷',
    '2026-11-28T12:00:00Z\tinfo-0\ttrufflehog\trunning source\t{"source_manager_worker_id": "x1", "with_units": true}',
    '{"level":"info-0","ts":"2026-11-28T12:00:00Z","logger":"trufflehog","msg":"running source","source":{"units":true}}',
  ];

  it('is one finding a line, between what the tool says of itself', async () => {
    const lines = [logs[0], JSON.stringify(trufflehog()), logs[1], JSON.stringify(trufflehog({ Raw: second })), ...logs];
    const report = await reportOf(lines.join('\n'));
    expect(report.values.length).toBe(2);
    expect(leakedAt(report, first)).toBe('2026-11-16T17:17:40.000Z');
    expect(report).toMatchObject({ read: 2, notComparable: none });
  });

  it('is the same after jq: one after the other over many lines, or all of them in an array', async () => {
    const found = [trufflehog(), trufflehog({ Raw: second })];
    const spread = await reportOf(found.map((one) => JSON.stringify(one, null, 2)).join('\n'));
    expect([holds(spread, first), holds(spread, second), spread.read]).toEqual([true, true, 2]);
    expect(await json(found)).toEqual(spread);
    expect(await json([found])).toEqual(spread);
    const files = found.map((one) => `\u{feff}${JSON.stringify(one)}`);
    expect(await reportOf(files.join('\r\n'))).toEqual(spread);
  });

  it.each([
    ['joined behind it', { RawV2: `${first}${second}` }],
    ['joined before it, with a colon', { RawV2: `${second}:${first}` }],
    ['by their names', { RawV2: 'something else', SecretParts: { api_key: second, app_key: first } }],
  ])('of a detector of several parts has each of them: %s', async (_, parts) => {
    const report = await json([trufflehog(parts)]);
    expect(report.values.length).toBe(1);
    expect([holds(report, first), holds(report, second)]).toEqual([true, true]);
  });

  it('may have the whole in RawV2 alone', async () => {
    const report = await json([trufflehog({ Raw: '', RawV2: first })]);
    expect(report.values[0]!.forms.length).toBe(1);
    expect(holds(report, first)).toBe(true);
  });

  it('of before version 3 has its values in stringsFound', async () => {
    const legacy = {
      branch: 'main',
      commit: 'agents',
      commitHash: '0c4f1b2f',
      date: '2026-11-02 10:11:12',
      diff: `+api_key: ${first}`,
      path: 'deploy/datadog.yaml',
      printDiff: '\u001b[93m+\u001b[0m',
      reason: 'High Entropy',
      stringsFound: [first, second],
    };
    const report = await reportOf(`${JSON.stringify(legacy)}\n`);
    expect([report.read, leakedAt(report, first), holds(report, second)]).toEqual([2, null, true]);
  });
});

describe('a report of GitHub', () => {
  const alert = {
    number: 42,
    created_at: '2026-11-06T18:18:30Z',
    url: 'https://api.github.com/repos/octocat/hello-world/secret-scanning/alerts/42',
    html_url: 'https://github.com/octocat/hello-world/security/secret-scanning/42',
    state: 'open',
    resolution: null,
    secret_type: 'datadog_api_key',
    secret_type_display_name: 'Datadog API Key',
    validity: 'active',
    publicly_leaked: true,
    multi_repo: false,
  };

  it.each([
    ['one alert', { ...alert, secret: first }],
    ['a list of alerts', [{ ...alert, secret: first }]],
    ['pages of lists', [[{ ...alert, secret: first }], []]],
  ])('is %s', async (_, body) => {
    const report = await json(body);
    expect(report).toMatchObject({ read: 1, notComparable: none });
    expect(leakedAt(report, first)).toBe('2026-11-06T18:18:30.000Z');
  });

  it('has no value where it was asked for without, and in a webhook, which never has one', async () => {
    const report = await json([
      alert,
      { ...alert, secret: null },
      { action: 'created', alert, repository: { id: 1 } },
      { all: [alert, alert] },
    ]);
    expect(report).toMatchObject({ values: [], read: 0, notComparable: { ...none, noValue: 5 } });
  });

  it('is what its partners get', async () => {
    const report = await reportOf(
      `[{"token":"${first}","type":"mycompany_api_token","url":"https://github.com/octocat/Hello-World/blob/1234/foo/bar.txt","source":"content"}]`,
    );
    expect([holds(report, first), report.read]).toEqual([true, 1]);
  });
});

describe('any other JSON', () => {
  it.each([
    ['with a token', { token: first }],
    ['with tokens somewhere in it', { found: { tokens: [{ token: first }, { token: first }] } }],
    ['of texts alone', [first]],
  ])('%s is read', async (_, body) => {
    const report = await json(body);
    expect([holds(report, first), report.values.length]).toEqual([true, 1]);
  });

  it('without one is counted', async () => {
    const report = await json([{ runs: [{ tool: { driver: { name: 'gitleaks' } } }] }, 7, null, { token: 7 }, {}]);
    expect(report).toEqual({ values: [], read: 0, notComparable: { ...none, noValue: 5 } });
  });
});

describe('lines', () => {
  it('are a value each, without the space around it, and without empty lines', async () => {
    const report = await reportOf(`\u{feff}${first}\r\n\r\n \t\n  ${second}\t\n${first}\r\nwith a space\nnull\n`);
    expect(report).toMatchObject({ read: 4, notComparable: none });
    expect(report.values.length).toBe(3);
    expect([first, second, 'with a space'].map((value) => holds(report, value))).toEqual([true, true, true]);
  });

  it.each([
    `"${first}"`,
    `'${first}',`,
    `export DD_API_KEY=${first}`,
    `DD_API_KEY="${first}"`,
    `api_key: ${first} # the agents`,
    `generic-api-key,0c4f1b2f,deploy/datadog.yaml,,${first},12,12`,
  ])('may have the value somewhere: %s', async (line) => {
    const report = await reportOf(`RuleID,Commit,File\n${line}\n`);
    expect([report.read, holds(report, first), holds(report, line)]).toEqual([2, true, true]);
  });

  it('have no parts that are shorter than a secret', async () => {
    const [value] = (await reportOf('not a secret, but 012345678901234567890\n')).values;
    expect(value!.forms.length).toBe(2);
  });

  it('may begin with a bracket', async () => {
    expect(holds(await reportOf('[abc]def'), '[abc]def')).toBe(true);
  });

  it.each(['utf-16le', 'big endian'])('may be %s, as PowerShell writes them', async (order) => {
    const bytes = Buffer.from(`\u{feff}${first}\r\n${second}\r\n`, 'utf16le');
    const report = await reportOf(order === 'utf-16le' ? bytes : bytes.swap16());
    expect([holds(report, first), holds(report, second), report.read]).toEqual([true, true, 2]);
  });
});

describe('when it leaked', () => {
  it.each([
    ['2026-11-02T23:37:53Z', '2026-11-02T23:37:53.000Z'],
    ['2026-11-02T23:37:53.123456789+05:30', '2026-11-02T18:07:53.123Z'],
    ['2026-11-16 10:17:40 +0000 UTC', '2026-11-16T10:17:40.000Z'],
    ['2026-11-16 10:17:40 +0200', '2026-11-16T08:17:40.000Z'],
    ['2026-11-16 10:17:40', null],
    ['0001-01-01 00:00:00 +0000 UTC', null],
    ['2026-13-41T99:00:00Z', null],
    ['yesterday', null],
    ['', null],
    [1_700_000_000, null],
  ])('%j is %j', async (written, expected) => {
    expect(leakedAt(await json([gitleaks({ Date: written })]), first)).toBe(expected);
  });
});
