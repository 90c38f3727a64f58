/**
 * Reads the credential files that the configuration names, and builds the access options of NATS, Cassandra and the object
 * store from them.
 */
import { readFileSync } from 'node:fs';
import type { CassandraAccess, CassandraTls } from '../adapters/cassandra/cassandra-access.ts';
import type { RingLogin } from '../adapters/cassandra/role-statements.ts';
import { type FollowedFiles, followFiles, type FollowedFilesOptions } from '../adapters/files/followed-files.ts';
import { freshFiles } from '../adapters/files/fresh-files.ts';
import type { S3Access } from '../adapters/s3/s3-payload-store.ts';
import type { NatsTls } from '../adapters/nats/link.ts';
import type { NatsLogin } from '../adapters/nats/login.ts';
import { type Config, ConfigError } from '../config/index.ts';
import { given } from '../domain/given.ts';
import { checkAuthorities, checkPair } from './tls-material.ts';

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
  checkFile('store.cassandra.passwordPath', passwordPath);
  const { caPath, certPath, keyPath } = tls;
  for (const [name, path] of Object.entries({ caPath, certPath, keyPath }))
    checkFile(`store.cassandra.tls.${name}`, path);
  return given({
    login: user !== undefined && passwordPath !== undefined ? { user, password: passwordIn(passwordPath) } : undefined,
    tls: caPath === undefined ? undefined : cassandraTls(caPath, { certPath, keyPath }),
  });
}

function passwordIn(path: string): () => string {
  return configured('store.cassandra.passwordPath', path, () => freshFiles({ password: path }, wholePassword));
}

/** With the passwords that the files hold now. */
export function ringLogins({ logins, user: own }: Config['store']['cassandra']): readonly RingLogin[] {
  return logins.map(({ user, components, passwordPath }, index) => {
    const login = `store.cassandra.logins.${index}`;
    if (user === own) {
      const message =
        'is also the login of `troupe migrate`, which would take from itself the rights that the next run needs';
      throw new ConfigError([{ path: `${login}.user`, source: user, message }]);
    }
    const key = `${login}.passwordPath`;
    checkFile(key, passwordPath);
    const password = configured(key, passwordPath, () => wholePassword({ password: readFileSync(passwordPath) }));
    return { user, components, password };
  });
}

function cassandraTls(
  ca: string,
  { certPath, keyPath }: { certPath: string | undefined; keyPath: string | undefined },
) {
  return configured('store.cassandra.tls', ca, () =>
    certPath !== undefined && keyPath !== undefined
      ? freshFiles({ ca, cert: certPath, key: keyPath }, wholeMaterial)
      : freshFiles({ ca }, wholeMaterial),
  );
}

/** What cannot be used at the start is an error of the configuration. */
export function configured<Value>(key: string, source: string, open: () => Value): Value {
  try {
    return open();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ path: key, source, message }]);
  }
}

function wholePassword({ password }: { readonly password: Buffer }): string {
  return textIn(password, 'a password');
}

/** Whoever replaces a file in place empties it first. */
function textIn(content: Buffer, what: string): string {
  const text = content.toString('utf8').trimEnd();
  if (text === '') throw new Error(`must hold ${what}`);
  return text;
}

/** Throws for what is half written. */
function wholeMaterial(material: CassandraTls): CassandraTls {
  const { ca, cert, key } = material;
  checkAuthorities(ca);
  if (cert !== undefined && key !== undefined) checkPair({ cert, key });
  return material;
}

/** The bucket is there: a relation of the configuration says so. `close` ends the reading of the file with the secret. */
export function s3Access(
  { s3 }: Config['objects'],
  runtime: Pick<FollowedFilesOptions<never, never>, 'clock' | 'log'>,
): { readonly access: S3Access; readonly close: () => void } {
  const { bucket = '', prefix, region, endpoint, linkEndpoint, pathStyle, accessKeyId, secretAccessKeyPath } = s3;
  const place = { bucket, prefix, region, pathStyle, ...given({ endpoint, linkEndpoint }) };
  if (accessKeyId === undefined || secretAccessKeyPath === undefined) return { access: place, close: () => undefined };
  const parse = (content: Buffer) => ({ accessKeyId, secretAccessKey: textIn(content, 'a secret') });
  const secret = followConfigured(runtime, 'objects.s3.secretAccessKeyPath', { path: secretAccessKeyPath, parse });
  return { access: { ...place, credentials: secret.current }, close: () => secret.stop() };
}

interface OneFile<Value> {
  readonly path: string;
  /** Throws for a file that is being written. */
  readonly parse: (content: Buffer) => Value;
}

/** Follows a file that a key of the configuration names. What cannot be used at the start is an error of the configuration. */
export function followConfigured<Value>(
  runtime: Pick<FollowedFilesOptions<never, never>, 'clock' | 'log'>,
  key: string,
  { path, parse }: OneFile<Value>,
): FollowedFiles<Value> {
  checkFile(key, path);
  return configured(key, path, () =>
    followFiles({ ...runtime, paths: { file: path }, parse: ({ file }) => parse(file) }),
  );
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
