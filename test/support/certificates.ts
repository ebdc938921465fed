/**
 * Owns the certificates of a test: a root, and what it signs; made by openssl into a folder of
 * their own.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

export class Certificates {
  readonly rootFile: string;
  readonly #root: Pair;

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#root = this.#files('root');
    this.rootFile = this.#root.certFile;
    this.#openssl('req', '-x509', ...this.#newKey(this.#root), '-out', this.rootFile, '-days', '2', '-subj', '/CN=root');
  }

  /** `names` as openssl writes them: `DNS:temporal`, `IP:10.0.0.1`. */
  sign(name: string, names: readonly string[]): Pair {
    const pair = this.#files(name);
    const [request, extensions] = [`${pair.certFile}.csr`, `${pair.certFile}.ext`];
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    this.#openssl('req', ...this.#newKey(pair), '-out', request, '-subj', `/CN=${name}`);
    const by = ['-CA', this.rootFile, '-CAkey', this.#root.keyFile, '-CAcreateserial'];
    this.#openssl('x509', '-req', '-in', request, ...by, '-extfile', extensions, '-days', '2', '-out', pair.certFile);
    return pair;
  }

  #newKey({ keyFile }: Pair): readonly string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  }

  #files(name: string): Pair {
    return { certFile: path.join(this.folder, `${name}.pem`), keyFile: path.join(this.folder, `${name}.key`) };
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore' });
  }
}

export const readPair = ({ certFile, keyFile }: Pair) => ({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
