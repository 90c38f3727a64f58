/** Clients whose credential is their certificate, over real TLS. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCredentialFiles } from '../../src/compose/credential-files.ts';
import { CertificateTable } from '../../src/domain/access/client-certificate.ts';
import { rolesWith } from '../../src/domain/access/role.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { createCertificateVerifier } from '../../src/gateway/access/certificate-verifier.ts';
import type { BoundPorts } from '../../src/gateway/grpc-listener.ts';
import type { Gateway } from '../../src/gateway/server.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { realClock } from '../support/stores.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const folder = mkdtempSync(join(tmpdir(), 'troupe-client-certificates-'));
const silent = () => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log, flush: silent };
const server = makeCertificates(folder, 'server');
/** Two authorities of clients: the gateway trusts the first. */
const [trusted, strange] = [makeCertificates(folder, 'trusted'), makeCertificates(folder, 'strange')];

/** The wall clock of the gateway, ahead of the real one by so much. */
let aheadMs = 0;
const clock = {
  ...realClock,
  wallMs: () => Date.now() + aheadMs,
  // Waits for an expiry end soon, since the clock may jump meanwhile. Bounds of what the gateway does stay.
  setTimer: (delayMs: number, fire: () => void) => realClock.setTimer(delayMs < 20_000 ? delayMs : 20, fire),
};
const files = createCredentialFiles({ clock, log });
const reasons: string[] = [];
let edge: Edge;
let gateway: Gateway;
let ports: BoundPorts;

beforeAll(async () => {
  const identities = [
    { uri: 'spiffe://corp/ns/acme/*', tenant: 'acme', roles: ['tenant-admin'] },
    { uri: 'spiffe://corp/ns/other/*', tenant: 'other', roles: ['tenant-admin'] },
  ];
  const table = new CertificateTable(identities, rolesWith({}));
  const authenticator = createAuthenticator({
    operatorToken: () => 'an-operator-token-of-a-test',
    tokens: undefined,
    certificates: createCertificateVerifier({ table, clock, refused: (reason) => reasons.push(reason) }),
    withoutCredential: 'nothing',
  });
  edge = await openEdge();
  const { certPath, keyPath } = server;
  const section = { tls: { certPath, keyPath }, certificates: { port: 0, caPath: trusted.caPath, identities } };
  const certificates = files.certificateTls(section as never);
  const tls = files.serverTls('gateway', { certPath, keyPath });
  if (certificates === undefined || tls === undefined) throw new Error('there is no TLS');
  ({ gateway, ...ports } = await edge.openGateway({ tls, certificates, authenticator, clock }));
});
afterAll(async () => {
  files.close();
  await gateway.stop(100);
  await edge.close();
  rmSync(folder, { recursive: true });
});

/** A certificate of an authority with alternative names as in a section of openssl's configuration. */
function certified(name: string, names: Readonly<Record<string, string>>, authority = trusted) {
  const [keyPath, request, certPath, extensions] = ['key', 'request', 'cert', 'names'].map((part) =>
    join(folder, `${name}.${part}`),
  ) as [string, string, string, string];
  const run = (...args: string[]) =>
    expect(spawnSync('openssl', args, { encoding: 'utf8' })).toMatchObject({ status: 0 });
  run(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=acme',
    '-keyout',
    keyPath,
    '-out',
    request,
  );
  const lines = Object.entries(names).map(([kind, value]) => `${kind} = ${value}`);
  writeFileSync(extensions, `subjectAltName = @all\n[all]\n${lines.join('\n')}\n`);
  const { caPath } = authority;
  run(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    caPath,
    '-CAkey',
    keyOf(authority),
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    extensions,
    '-out',
    certPath,
  );
  return { cert: readFileSync(certPath), key: readFileSync(keyPath) };
}

function keyOf({ caPath }: Certificates): string {
  return caPath.replace(/\.pem$/, '.key');
}

type Pair = ReturnType<typeof certified>;

function clientOf(pair: Pair | undefined, options: { readonly port?: number; readonly token?: string } = {}) {
  const { port = ports.certificatePort ?? 0, token } = options;
  return edge.client({
    address: `127.0.0.1:${port}`,
    tls: { ca: readFileSync(server.caPath), ...pair },
    retry: { maxAttempts: 1 },
    ...(token === undefined ? {} : { token }),
  });
}

const acme = certified('acme', { 'URI.1': 'spiffe://corp/ns/acme/sa/one', 'DNS.1': 'one.acme' });

describe('a client with a certificate', () => {
  it('is who its URI says, and works with the things of its tenant', async () => {
    const client = clientOf(acme);
    expect(await client.access.whoAmI()).toMatchObject({
      principal: 'spiffe://corp/ns/acme/sa/one',
      kind: 'certificate',
      tenant: 'acme',
      roles: ['tenant-admin'],
    });
    const reads = vi.spyOn(TLSSocket.prototype, 'getPeerCertificate');
    await client.queues.create('certified');
    // The gateway has read the certificate with the first call of the connection.
    expect(reads).not.toHaveBeenCalled();
    reads.mockRestore();
    const other = clientOf(certified('other', { 'URI.1': 'spiffe://corp/ns/other/sa/one' }));
    await expect(other.queues.get('certified')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    expect(await client.queues.get('certified')).toMatchObject({ name: 'certified' });
  });

  it('is refused with a URI of no identity, none, several, or one that is written into another name', async () => {
    const wrong = {
      unknown: { 'URI.1': 'spiffe://corp/ns/nobody/sa/one' },
      none: { 'DNS.1': 'one.acme' },
      several: { 'URI.1': 'spiffe://corp/ns/acme/sa/one', 'URI.2': 'spiffe://corp/ns/other/sa/one' },
      hidden: { 'DNS.1': 'x, URI:spiffe://corp/ns/acme/sa/one' },
      quoted: { 'URI.1': 'spiffe://corp/x, URI:spiffe://corp/ns/acme/sa/one' },
    };
    for (const [name, names] of Object.entries(wrong)) {
      const before = reasons.length;
      const call = clientOf(certified(name, names)).access.whoAmI();
      await expect(call, name).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' });
      expect(reasons.length, name).toBeGreaterThan(before);
    }
  });

  it('gets no connection with a certificate of another authority, or without one', async () => {
    const forged = certified('forged', { 'URI.1': 'spiffe://corp/ns/acme/sa/one' }, strange);
    for (const pair of [forged, undefined])
      await expect(clientOf(pair).access.whoAmI()).rejects.toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
  });

  it('may not send a token as well', async () => {
    for (const token of ['an-operator-token-of-a-test', 'another-token'])
      await expect(clientOf(acme, { token }).access.whoAmI()).rejects.toMatchObject({ code: 'AMBIGUOUS_CREDENTIALS' });
  });

  it('is nobody on the port for tokens, which asks for no certificate', async () => {
    const { port } = ports;
    await expect(clientOf(acme, { port }).access.whoAmI()).rejects.toMatchObject({ code: 'NO_CREDENTIALS' });
    const operator = clientOf(undefined, { port, token: 'an-operator-token-of-a-test' });
    expect(await operator.access.whoAmI()).toMatchObject({ principal: 'operator' });
  });
});

describe('a certificate that expires', () => {
  it('ends the streams of its connection, which takes no new calls', async () => {
    const client = clientOf(acme);
    await client.queues.create('expiring');
    const watch = client.watchJobs({ queue: 'expiring' })[Symbol.asyncIterator]();
    await watch.next();
    const ended = watch.next().catch((error: unknown) => (error as { readonly code: string }).code);
    await client.access.whoAmI();
    aheadMs = 2 * 86_400_000;
    try {
      // The certificate of the server has expired as well, but the clock of the client has not moved.
      await expect
        .poll(async () => client.access.whoAmI().catch((error: unknown) => (error as { code: string }).code))
        .toBe('CERTIFICATE_EXPIRED');
      expect(await ended).toBe('CERTIFICATE_EXPIRED');
    } finally {
      aheadMs = 0;
    }
    // A new connection.
    expect(await client.access.whoAmI()).toMatchObject({ tenant: 'acme' });
  });
});
