/** Who may call: what the configuration takes, and what it refuses, by the path of the key. */
import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigSources, loadConfig } from '../../../src/config/index.ts';

const corp = { name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' };

function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    loadConfig(sources);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
}

const tls = { certPath: 'cert.pem', keyPath: 'key.pem' };
const named = { uri: 'spiffe://corp/ns/billing/*', tenant: 'billing', roles: ['viewer'] };
const withCertificates = { port: 50_052, caPath: 'ca.pem', identities: [named] };

const fileWith = (gateway: object): ConfigSources => ({ fileText: JSON.stringify({ gateway }) });

describe('issuers', () => {
  it('have defaults for all but their names', () => {
    expect(loadConfig(fileWith({ issuers: [corp] })).gateway.issuers).toEqual([
      {
        ...corp,
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        groupsClaim: ['groups'],
        roles: [],
        groupRoles: {},
      },
    ]);
  });

  it('may come from a variable, as JSON, and in depth', () => {
    const issuers = [
      { ...corp, tenantClaim: ['kubernetes.io', 'namespace'], groupRoles: { ops: ['cluster-operator'] } },
    ];
    const { gateway } = loadConfig({ env: { TROUPE_GATEWAY_ISSUERS: JSON.stringify(issuers) } });
    expect(gateway.issuers).toMatchObject(issuers);
  });

  it('open a gateway to others without another word', () => {
    expect(problemsOf(fileWith({ host: '0.0.0.0', tls, certificates: withCertificates }))).toEqual([]);
    expect(problemsOf(fileWith({ host: '0.0.0.0', insecure: true, issuers: [corp] }))).toEqual([]);
  });

  it.each([
    [{ issuers: [{ ...corp, name: '' }] }, 'gateway.issuers.0.name'],
    [{ issuers: [{ ...corp, audience: '' }] }, 'gateway.issuers.0.audience'],
    [{ issuers: [{ ...corp, algorithms: ['HS256'] }] }, 'gateway.issuers.0.algorithms.0'],
    [{ issuers: [{ ...corp, algorithms: ['none'] }] }, 'gateway.issuers.0.algorithms.0'],
    [{ issuers: [{ ...corp, algorithms: [] }] }, 'gateway.issuers.0.algorithms'],
    [{ issuers: [{ ...corp, keysUrl: 'http://id.example.com/keys' }] }, 'gateway.issuers.0.keysUrl'],
    [{ issuers: [{ ...corp, keysUrl: 'https://user:word@id.example.com/keys' }] }, 'gateway.issuers.0.keysUrl'],
    [{ issuers: [{ ...corp, issuer: 'https://user:word@id.example.com' }] }, 'gateway.issuers'],
    [{ issuers: [{ ...corp, keysUrl: 'file:///etc/passwd' }] }, 'gateway.issuers.0.keysUrl'],
    [{ issuers: [{ ...corp, tenant: 'a.b' }] }, 'gateway.issuers.0.tenant'],
    [{ issuers: [{ ...corp, tenantClaim: [] }] }, 'gateway.issuers.0.tenantClaim'],
    [{ issuers: [{ ...corp, tenant: 'acme', tenantClaim: 'team' }] }, 'gateway.issuers.0.tenantClaim'],
    [{ certificates: { port: 50_052, caPath: 'ca.pem' } }, 'gateway.certificates.port'],
    [{ certificates: { port: 50_052 }, tls }, 'gateway.certificates.port'],
    [{ certificates: { caPath: 'ca.pem' }, tls }, 'gateway.certificates.port'],
    [{ certificates: { identities: [named] }, tls }, 'gateway.certificates.port'],
    [{ certificates: { ...withCertificates, identities: [{ ...named, roles: ['boss'] }] }, tls }, 'gateway.issuers'],
    [
      { certificates: { ...withCertificates, identities: [{ ...named, roles: [] }] }, tls },
      'gateway.certificates.identities.0.roles',
    ],
    [
      { certificates: { ...withCertificates, identities: [{ ...named, uri: 'corp' }] }, tls },
      'gateway.certificates.identities.0.uri',
    ],
    [{ certificates: { ...withCertificates, identities: [named, named] }, tls }, 'gateway.certificates.identities'],
    [{ certificates: withCertificates, tls, auth: 'none' }, 'gateway.auth'],
    [{ issuers: [{ ...corp, secret: 'x' }] }, 'gateway.issuers.0.secret'],
    [{ issuers: [{ ...corp, issuer: 'corp' }] }, 'gateway.issuers'],
    [{ issuers: [{ ...corp, issuer: 'http://id.example.com' }] }, 'gateway.issuers'],
    [{ issuers: [corp, { ...corp, issuer: 'https://other.example.com' }] }, 'gateway.issuers'],
    [{ issuers: [corp, { ...corp, name: 'other' }] }, 'gateway.issuers'],
    [{ issuers: [corp], auth: 'none' }, 'gateway.auth'],
    [{ issuers: [{ ...corp, roles: ['boss'] }] }, 'gateway.issuers'],
    [{ issuers: [{ ...corp, groupRoles: { ops: ['toString'] } }] }, 'gateway.issuers'],
    [{ roles: { viewer: ['jobs.read'] } }, 'gateway.roles'],
    [{ roles: { boss: ['jobs.*'] } }, 'gateway.roles.boss.0'],
    [{ roles: { boss: [] } }, 'gateway.roles.boss'],
    [{ auth: 'maybe' }, 'gateway.auth'],
  ])('are refused: %j', (gateway, path) => {
    const problems = problemsOf(fileWith(gateway));
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual([path]);
  });

  it.each(['corp/', 'corp//x', 'corp/a%20b', 'corp/../x', 'corp/*/x', 'corp/x*', 'corp/a b'])(
    'name no identity that no certificate can have: %s',
    (rest) => {
      const identities = [{ ...named, uri: `spiffe://${rest}` }];
      const problems = problemsOf(fileWith({ certificates: { ...withCertificates, identities }, tls }));
      expect(problems.map((problem) => problem.split(': ')[0])).toEqual(['gateway.certificates.identities.0.uri']);
    },
  );

  it('may be on loopback without TLS, and give roles of the configuration', () => {
    const gateway = {
      issuers: [{ ...corp, issuer: 'http://127.0.0.1:9000', groupRoles: { auditors: ['log-reader'] } }],
      roles: { 'log-reader': ['jobs.read', 'logs.read'] },
    };
    expect(problemsOf(fileWith(gateway))).toEqual([]);
  });

  it('that a variable holds as broken JSON are refused with the name of the variable', () => {
    const [problem] = problemsOf({ env: { TROUPE_GATEWAY_ISSUERS: '[{' } });
    expect(problem).toMatch(/^gateway\.issuers: /);
  });
});

describe('a gateway that others can reach', () => {
  it('does not start without issuers unless that is intended, whatever its TLS', () => {
    const tls = { certPath: 'a.pem', keyPath: 'b.pem' };
    for (const more of [{ insecure: true }, { tls }]) {
      expect(problemsOf(fileWith({ host: '10.0.0.1', ...more }))).toEqual([
        expect.stringMatching(/^gateway\.auth: needs gateway\.issuers.*--no-auth/),
      ]);
      expect(problemsOf(fileWith({ host: '10.0.0.1', auth: 'none', ...more }))).toEqual([]);
    }
  });
});

describe('what is wrong with an issuer', () => {
  it('is said in words of the file: what is missing, and what a value must be', () => {
    const { audience: _, ...rest } = corp;
    expect(
      problemsOf(fileWith({ issuers: [{ ...rest, name: 7, isuer: 'x', roles: 'viewer', groupRoles: [] }] })),
    ).toEqual([
      'gateway.issuers.0.name: must be a text',
      'gateway.issuers.0.audience: is required',
      'gateway.issuers.0.roles: must be a list',
      'gateway.issuers.0.groupRoles: must be a map',
      'gateway.issuers.0.isuer: unknown key',
    ]);
    expect(problemsOf({ env: { TROUPE_GATEWAY_ISSUERS: 'corp' } })).toEqual(['gateway.issuers: must be a list']);
  });

  it('may be that its text cannot be read: then this is said, and nothing else', () => {
    const text = '[{"name":"corp",';
    const unreadable = [expect.stringMatching(/^gateway\.issuers: is neither valid YAML nor JSON: .*[^:]$/)];
    expect(problemsOf({ env: { TROUPE_GATEWAY_ISSUERS: text } })).toEqual(unreadable);
    expect(problemsOf({ flags: { 'gateway.issuers': text } })).toEqual(unreadable);
  });
});
