/**
 * Reads the credential files that the configuration names, and builds the access options of NATS, Cassandra and the object
 * store from them.
 */
import { readFileSync } from 'node:fs';
import type { CassandraAccess } from '../adapters/cassandra/cql-client.ts';
import type { S3Access } from '../adapters/s3/s3-payload-store.ts';
import type { NatsTls } from '../adapters/nats/link.ts';
import type { NatsLogin } from '../adapters/nats/login.ts';
import { type Config, ConfigError } from '../config/index.ts';
import { given } from '../domain/given.ts';

export function natsAccess(nats: Config['nats']): { readonly login?: NatsLogin; readonly tls?: NatsTls } {
  const { credsPath, passwordPath, tls } = nats;
  // The NATS adapter reads these files at each connection. Read them here too, so that a wrong path is reported now
  // with its key.
  for (const [name, path] of Object.entries({ credsPath, passwordPath })) readNamed(`nats.${name}`, path);
  for (const [name, path] of Object.entries(tls)) readNamed(`nats.tls.${name}`, path);
  const { caPath, certPath, keyPath } = tls;
  return given({
    login: natsLogin(nats),
    tls: caPath === undefined ? undefined : { caFile: caPath, ...given({ certFile: certPath, keyFile: keyPath }) },
  });
}

/** A user with a password takes precedence over a credentials file. */
function natsLogin({ credsPath, user, passwordPath }: Config['nats']): NatsLogin | undefined {
  if (user !== undefined && passwordPath !== undefined) return { kind: 'user', user, passwordPath };
  return credsPath === undefined ? undefined : { kind: 'creds', credsPath };
}

export function cassandraAccess({ user, passwordPath, tls }: Config['store']['cassandra']): CassandraAccess {
  const password = readNamed('store.cassandra.passwordPath', passwordPath)?.trimEnd();
  const ca = readNamed('store.cassandra.tls.caPath', tls.caPath);
  const cert = readNamed('store.cassandra.tls.certPath', tls.certPath);
  const key = readNamed('store.cassandra.tls.keyPath', tls.keyPath);
  return given({
    login: user !== undefined && password !== undefined ? { user, password } : undefined,
    tls: ca === undefined ? undefined : { ca, ...given({ cert, key }) },
  });
}

/** The bucket is there: a relation of the configuration says so. */
export function s3Access({ s3 }: Config['objects']): S3Access {
  const { bucket = '', prefix, region, endpoint, linkEndpoint, pathStyle, accessKeyId } = s3;
  const secret = readNamed('objects.s3.secretAccessKeyPath', s3.secretAccessKeyPath)?.trimEnd();
  const credentials =
    accessKeyId !== undefined && secret !== undefined ? { accessKeyId, secretAccessKey: secret } : undefined;
  return { bucket, prefix, region, pathStyle, ...given({ endpoint, linkEndpoint, credentials }) };
}

/** Reports a file that cannot be read, with its key. Its content is read when it is needed. */
export function checkFile(key: string, path: string | undefined): void {
  readNamed(key, path);
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
