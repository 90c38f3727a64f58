/**
 * Reads the credential files that the configuration names, and builds the access options of NATS and Cassandra from
 * them.
 */
import { readFileSync } from 'node:fs';
import type { CassandraAccess } from '../adapters/cassandra/cql-client.ts';
import type { NatsTls } from '../adapters/nats/link.ts';
import type { NatsLogin } from '../adapters/nats/login.ts';
import { type Config, ConfigError, operatorTokenPattern } from '../config/index.ts';

export function natsAccess({ credsPath, user, passwordPath, tls }: Config['nats']): {
  readonly login?: NatsLogin;
  readonly tls?: NatsTls;
} {
  // The NATS adapter reads these files at each connection. Read them here too, so that a wrong path is reported now
  // with its key.
  for (const [name, path] of Object.entries({ credsPath, passwordPath })) readNamed(`nats.${name}`, path);
  for (const [name, path] of Object.entries(tls)) readNamed(`nats.tls.${name}`, path);
  return {
    ...(credsPath !== undefined && { login: { kind: 'creds', credsPath } }),
    ...(user !== undefined && passwordPath !== undefined && { login: { kind: 'user', user, passwordPath } }),
    ...(tls.caPath !== undefined && {
      tls: {
        caFile: tls.caPath,
        ...(tls.certPath !== undefined && { certFile: tls.certPath }),
        ...(tls.keyPath !== undefined && { keyFile: tls.keyPath }),
      },
    }),
  };
}

export function cassandraAccess({ user, passwordPath, tls }: Config['store']['cassandra']): CassandraAccess {
  const password = readNamed('store.cassandra.passwordPath', passwordPath)?.trimEnd();
  const ca = readNamed('store.cassandra.tls.caPath', tls.caPath);
  const cert = readNamed('store.cassandra.tls.certPath', tls.certPath);
  const key = readNamed('store.cassandra.tls.keyPath', tls.keyPath);
  return {
    ...(user !== undefined && password !== undefined && { login: { user, password } }),
    ...(ca !== undefined && { tls: { ca, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) } }),
  };
}

export function operatorToken(gateway: Config['gateway']): string | undefined {
  const token = gateway.operatorToken ?? readNamed('gateway.operatorTokenPath', gateway.operatorTokenPath)?.trimEnd();
  if (token === undefined || operatorTokenPattern.test(token)) return token;
  const message = 'must hold a token of 16 to 512 visible ASCII characters';
  throw new ConfigError([{ path: 'gateway.operatorTokenPath', source: gateway.operatorTokenPath ?? '', message }]);
}

/** Reads a file that a key of the configuration names. A failure is an error of the configuration. */
function readNamed(key: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ path: key, source: path, message }]);
  }
}
