/** The credentials of the edge that lie in files. They are read again while the process runs, so that they may be rotated. */
import { type FollowedFiles, followFiles } from '../adapters/files/followed-files.ts';
import { type Config, operatorTokenPattern } from '../config/index.ts';
import type { ServerTls, TlsMaterial } from '../gateway/server-tls.ts';
import { checkFile, configured } from './access.ts';
import type { ProcessRuntime } from './runtime.ts';
import { checkAuthorities, checkPair } from './tls-material.ts';

export interface CredentialFiles {
  /** Undefined if none is configured. */
  operatorToken(gateway: Config['gateway']): (() => string) | undefined;
  /** Undefined without both paths: then the listener has no TLS. */
  serverTls(section: 'gateway' | 'scaler', tls: Config['scaler']['tls']): ServerTls | undefined;
  /** The same certificate for clients that must show one. Undefined if they have no port. */
  certificateTls(gateway: Config['gateway']): { readonly port: number; readonly tls: ServerTls } | undefined;
  /** Reads no file any more. */
  close(): void;
}

export function createCredentialFiles({ clock, log }: Pick<ProcessRuntime, 'clock' | 'log'>): CredentialFiles {
  const followed: FollowedFiles<unknown>[] = [];
  const runtime = { clock, log: log.child({ component: 'access' }) };

  function follow<Name extends string, Value>(
    key: string,
    paths: Readonly<Record<Name, string>>,
    parse: (files: Readonly<Record<Name, Buffer>>) => Value,
  ): FollowedFiles<Value> {
    for (const [name, path] of Object.entries<string>(paths))
      checkFile(name === 'token' ? key : `${key}.${name}Path`, path);
    const source = Object.values<string>(paths).join(', ');
    const files = configured(key, source, () => followFiles({ paths, parse, ...runtime }));
    followed.push(files);
    return files;
  }

  return {
    operatorToken({ operatorToken, operatorTokenPath }) {
      if (operatorToken !== undefined) return () => operatorToken;
      if (operatorTokenPath === undefined) return undefined;
      return follow('gateway.operatorTokenPath', { token: operatorTokenPath }, parseToken).current;
    },
    serverTls(section, { certPath, keyPath, clientCaPath }) {
      if (certPath === undefined || keyPath === undefined) return undefined;
      const key = `${section}.tls`;
      const pair = { cert: certPath, key: keyPath };
      const files =
        clientCaPath === undefined
          ? follow(key, pair, checkedMaterial)
          : follow(key, { ...pair, clientCa: clientCaPath }, checkedMaterial);
      return { asksCallers: clientCaPath !== undefined, follow: (listener) => files.follow(listener) };
    },
    certificateTls({ tls: { certPath, keyPath }, certificates: { port, caPath } }) {
      if (port === undefined || caPath === undefined || certPath === undefined || keyPath === undefined)
        return undefined;
      const paths = { cert: certPath, key: keyPath, clientCa: caPath };
      const files = follow('gateway.certificates', paths, checkedMaterial);
      return { port, tls: { asksCallers: true, follow: (listener) => files.follow(listener) } };
    },
    close() {
      for (const files of followed) files.stop();
    },
  };
}

function parseToken({ token }: { readonly token: Buffer }): string {
  const text = token.toString('utf8').trimEnd();
  if (operatorTokenPattern.test(text)) return text;
  throw new Error('must hold a token of 16 to 512 visible ASCII characters');
}

/** Throws for what must not reach the server. */
function checkedMaterial<Material extends TlsMaterial>(material: Material): Material {
  checkPair(material);
  if (material.clientCa !== undefined) checkAuthorities(material.clientCa);
  return material;
}
