/** What callers must show and what is sealed or recorded, for measuring what each costs: `--security`. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { connect } from '../../src/client/index.ts';
import type { Teardown } from './teardown.ts';

/**
 * - none: as `troupe dev` is.
 * - tls: TLS alone, and no credential but the operator token.
 * - key: an API key of a service account.
 * - token: a JWT of an issuer, the same for all calls.
 * - certificate: TLS with a client certificate.
 * - sealed: inputs, outputs and logs are sealed, with keys in a file.
 * - audited: each submit is recorded, as well as what always is.
 * - all: token, TLS, sealed and audited.
 */
export const securities = ['none', 'tls', 'key', 'token', 'certificate', 'sealed', 'audited', 'all'] as const;
export type Security = (typeof securities)[number];

/** What clients show. It crosses processes as JSON. */
export interface ClientAccess {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Secured {
  readonly settings: Readonly<Record<string, string>>;
  /** Undefined: the address of the banner. */
  readonly port?: number;
  /** Called once the system is up. */
  access(address: string): Promise<ClientAccess>;
}

export interface SecurityPlace {
  readonly folder: string;
  readonly freePort: () => Promise<number>;
  readonly teardown: Teardown;
}

export async function secured(security: Security, place: SecurityPlace): Promise<Secured> {
  switch (security) {
    case 'none':
      return { settings: {}, access: () => Promise.resolve({}) };
    case 'tls': {
      const { settings, ca } = withTls(place);
      const operator = withOperator(place);
      return {
        settings: { ...settings, ...operator.settings },
        access: () => Promise.resolve({ ca, token: operator.token }),
      };
    }
    case 'key': {
      const { settings, token } = withOperator(place);
      return { settings: { ...settings, 'gateway.apiKeys': 'true' }, access: (address) => withKey(address, token) };
    }
    case 'token': {
      const { settings, tokenOf } = await withIssuer(place);
      const token = await tokenOf('default');
      return { settings, access: () => Promise.resolve({ token }) };
    }
    case 'certificate':
      return withCertificate(place);
    case 'sealed':
      return { settings: sealing(place), access: () => Promise.resolve({}) };
    case 'audited':
      return { settings: auditing, access: () => Promise.resolve({}) };
    case 'all': {
      const [tls, issuer] = [withTls(place), await withIssuer(place)];
      const settings = { ...tls.settings, ...issuer.settings, ...sealing(place), ...auditing };
      const token = await issuer.tokenOf('default');
      return { settings, access: () => Promise.resolve({ ca: tls.ca, token }) };
    }
  }
}

const auditing = { 'audit.submits': 'true' };
const roles = ['tenant-admin'];

function sealing({ folder }: SecurityPlace): Readonly<Record<string, string>> {
  const path = join(folder, 'payload-keys');
  writeFileSync(path, `bench ${randomBytes(32).toString('base64')}\n`);
  return { 'encryption.keys': 'file', 'encryption.file.path': path, 'encryption.required': '*' };
}

export function withOperator({ folder }: Pick<SecurityPlace, 'folder'>) {
  const [path, token] = [join(folder, 'operator-token'), randomBytes(32).toString('hex')];
  writeFileSync(path, token);
  return { settings: { 'gateway.operatorTokenPath': path }, token };
}

async function withKey(address: string, token: string): Promise<ClientAccess> {
  const operator = connect({ address, token });
  try {
    await operator.accounts.create('bench', { roles });
    const { key } = await operator.accounts.createKey('bench');
    return { token: key };
  } finally {
    operator.close();
  }
}

/** An issuer of tokens, of any tenant, whose callers may do everything within it. */
export async function withIssuer({ teardown }: Pick<SecurityPlace, 'teardown'>) {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256' }];
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  teardown.add(() => {
    server.closeAllConnections();
    server.close();
    return Promise.resolve();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokenOf = (tenant: string): Promise<string> =>
    new SignJWT({ tenant })
      .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
      .setIssuer(issuer)
      .setAudience('troupe')
      .setSubject('bench')
      .setIssuedAt()
      .setExpirationTime('6h')
      .sign(privateKey);
  const issuers = [{ name: 'bench', issuer, audience: 'troupe', keysUrl: issuer, tenantClaim: 'tenant', roles }];
  return { settings: { 'gateway.issuers': JSON.stringify(issuers) }, tokenOf };
}

function withTls(place: SecurityPlace) {
  const { caPath, certPath, keyPath } = certified(place, 'server', 'IP:127.0.0.1');
  const settings = { 'gateway.tls.certPath': certPath, 'gateway.tls.keyPath': keyPath };
  return { settings, ca: readFileSync(caPath, 'utf8'), caPath };
}

async function withCertificate(place: SecurityPlace): Promise<Secured> {
  const { settings, ca, caPath } = withTls(place);
  const client = certified(place, 'client', 'URI:spiffe://bench/client');
  const port = await place.freePort();
  const identities = [{ uri: 'spiffe://bench/client', tenant: 'default', roles }];
  return {
    settings: {
      ...settings,
      'gateway.certificates.port': String(port),
      'gateway.certificates.caPath': caPath,
      'gateway.certificates.identities': JSON.stringify(identities),
    },
    port,
    access: () =>
      Promise.resolve({
        ca,
        cert: readFileSync(client.certPath, 'utf8'),
        key: readFileSync(client.keyPath, 'utf8'),
      }),
  };
}

/** A certificate with one alternative name, of an authority that is made with the first. */
function certified({ folder }: SecurityPlace, name: string, alternativeName: string) {
  const path = (file: string): string => join(folder, file);
  const [caPath, caKey, certPath, keyPath] = [path('ca.pem'), path('ca.key'), path(`${name}.pem`), path(`${name}.key`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  if (name === 'server')
    openssl('req', '-x509', ...curve, '-days', '1', '-subj', '/CN=bench', '-keyout', caKey, '-out', caPath);
  openssl('req', ...curve, '-subj', `/CN=${name}`, '-keyout', keyPath, '-out', path(`${name}.csr`));
  writeFileSync(path(`${name}.ext`), `subjectAltName=${alternativeName}\n`);
  const signing = ['-CA', caPath, '-CAkey', caKey, '-CAcreateserial', '-days', '1', '-extfile', path(`${name}.ext`)];
  openssl('x509', '-req', '-in', path(`${name}.csr`), ...signing, '-out', certPath);
  return { caPath, certPath, keyPath };
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', [...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${stderr}`);
}
