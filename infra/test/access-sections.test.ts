/** What an environment says of certificates of clients, the audit log, keys of payloads and pools of tenants. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EnvironmentError, parseEnvironment } from '../src/config/environment.ts';
import { appObjects } from '../src/objects/app.ts';
import { ports } from '../src/objects/names.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import { allPods, ofKind } from './support/objects.ts';
import { troupeConfigProblems } from './support/troupe-config.ts';
import { followers } from './support/backing-environments.ts';
import staging from '../environments/staging.ts';

const base = kubernetesInput(staging);
const gateway = { address: 'jobs.example.com:443' };
const access = {
  kind: 'certificates',
  caSecret: 'client-ca',
  identities: [{ uri: 'spiffe://corp/ns/billing/*', tenant: 'billing', roles: ['submitter@invoices-*', 'own'] }],
  roles: { own: ['jobs.read'] },
};
const keysOnly = { kind: 'apiKeys' };
const vault = {
  keys: 'vault',
  required: ['*'],
  address: 'https://vault.example.com:8200',
  namespace: 'troupe',
  tokenSecret: 'vault-token',
  caSecret: 'vault-ca',
};

function problems(changes: object): readonly string[] {
  try {
    parseEnvironment('a test', { ...base, ...changes });
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
  return [];
}

const kms = {
  keys: 'aws-kms',
  required: ['*'],
  key: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
};

const pools = (...lists: readonly (readonly string[] | undefined)[]) =>
  lists.map((tenants, at) => ({ ...base.workers[0], name: `pool-${at}`, ...(tenants && { tenants }) }));

describe('an environment is refused, by the path, for', () => {
  it.each([
    ['certificates behind a mesh', { gateway: { access, tls: 'mesh' } }, 'gateway.tls: a mesh ends TLS before'],
    [
      'a route that leads only to where nobody has a credential',
      { gateway: { access, route: { gateway: 'g', gatewayNamespace: 'n', hostname: 'jobs.example.com' } } },
      'gateway.route: leads to the port without certificates',
    ],
    [
      'a role that does not exist, for a certificate',
      { gateway: { access: { ...access, roles: {} } } },
      'gateway.access.identities: name roles that exist',
    ],
    [
      'a URI that no certificate can have',
      { gateway: { access: { ...access, identities: [{ uri: 'spiffe://corp/*/billing', roles: ['viewer'] }] } } },
      'gateway.access.identities[0].uri: is a URI such as',
    ],
    [
      'a dedicated tenant without a pool',
      {
        gateway: { access: keysOnly },
        tenants: { gateway, declared: { acme: { dedicated: true }, plain: {} } },
        workers: pools(undefined, ['ac', 'b*']),
      },
      'tenants.declared.acme.dedicated: no class of workers names the tenant',
    ],
    [
      'a tenant that is in no pool',
      {
        gateway: { access: keysOnly },
        tenants: { gateway, declared: { acme: { dedicated: true }, toString: {} } },
        workers: pools(['acme']),
      },
      'tenants.declared.toString: no class of workers takes the tenant',
    ],
    [
      'an encrypted tenant without keys',
      {
        gateway: { access: keysOnly },
        tenants: { gateway, declared: { acme: { encrypted: true }, b: { encrypted: false } } },
      },
      'tenants.declared.acme.encrypted: needs `encryption`',
    ],
    [
      'a tenant whose name libraries lose',
      { gateway: { access: keysOnly }, tenants: { gateway, declared: { ['__proto__']: { weight: 2 } } } },
      'tenants.declared.__proto__: is not an allowed name',
    ],
    [
      'a group whose name libraries lose',
      {
        gateway: {
          access: {
            kind: 'issuers',
            issuers: [
              {
                name: 'corp',
                issuer: 'https://id.example.com',
                audience: 'a',
                groupRoles: { ['__proto__']: ['viewer'] },
              },
            ],
          },
        },
      },
      'gateway.access.issuers[0].groupRoles.__proto__: is not an allowed name',
    ],
    [
      'a queue whose name libraries lose',
      { queues: { gateway, declared: { ['__proto__']: {} } } },
      'queues.declared.__proto__: is not an allowed name',
    ],
    [
      'followers where nobody has a credential',
      { gateway: { access: { kind: 'none' } }, messaging: { kind: 'cluster', followers } },
      'messaging.followers: show a token or an API key',
    ],
    [
      'followers where all callers show certificates',
      { gateway: { access }, messaging: { kind: 'cluster', followers } },
      'messaging.followers: show a token or an API key',
    ],
    [
      'a password in the address of a Vault',
      { encryption: { ...vault, address: 'https://troupe:word@vault.example.com' } },
      'encryption.address: holds no user and no password',
    ],
    ['a mount that Troupe refuses', { encryption: { ...vault, mount: '/transit/' } }, 'encryption.mount: the path of'],
    ['a key that Troupe refuses', { encryption: { ...vault, key: 'a b' } }, 'encryption.key: the name of'],
    [
      'tenants where callers have none',
      { gateway: { access: { kind: 'none' } }, tenants: { gateway, declared: {} } },
      'tenants: callers have no tenant of their own',
    ],
    [
      'a quota that there is not',
      { gateway: { access: keysOnly }, tenants: { gateway, declared: { a: { quotas: { toString: 1 } } } } },
      'tenants.declared.a.quotas.toString: no such key',
    ],
    ['a Vault in plain text', { encryption: { ...vault, address: 'http://vault' } }, 'encryption.address: is a URL'],
    [
      'an alias, on which no permission can be given',
      { encryption: { ...kms, key: 'alias/troupe' } },
      'encryption.key: the ARN of a KMS key',
    ],
    ['an audit log for longer than seven years', { audit: { retentionDays: 2_558 } }, 'audit.retentionDays: '],
    ['a pool of a tenant that cannot be', { workers: pools(['a b']) }, 'workers[0].tenants[0]: a tenant, or'],
  ])('%s', (_what, changes, problem) => {
    expect(problems(changes)).toEqual([expect.stringContaining(problem)]);
  });
});

it('a dedicated tenant is taken by the pool that names it, or the beginning of its name', () => {
  const tenants = { gateway, declared: { acme: { dedicated: true } } };
  for (const list of [['acme'], ['ac*'], ['*', 'acme']])
    expect(problems({ gateway: { access: keysOnly }, tenants, workers: pools(list) })).toEqual([]);
});

it('an encrypted tenant is taken where there are keys', () => {
  const tenants = { gateway, declared: { acme: { encrypted: true } } };
  expect(problems({ gateway: { access: keysOnly }, tenants, encryption: vault })).toEqual([]);
});

interface Settings {
  readonly [section: string]: Readonly<Record<string, unknown>>;
}

function settingsOf(environment: ReturnType<typeof kubernetesEnvironment>, name: string): Settings {
  const map = appObjects(environment).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  return parse(map?.data?.['troupe.config.yaml'] ?? '') as Settings;
}

describe('an environment with all of them', () => {
  const environment = kubernetesEnvironment({
    ...base,
    gateway: { access },
    encryption: vault,
    audit: { required: 'all', retentionDays: 30 },
    workers: pools(['billing', '*']),
  });
  const objects = appObjects(environment);

  it('is taken by Troupe', async () => {
    const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
    const env = { TROUPE_STORE_CASSANDRA_USER: 'a', TROUPE_NATS_USER: 'a', TROUPE_WORKERS_THREADS: '4' };
    const given = maps.map((map) => ({
      name: map.metadata.name,
      text: map.data?.['troupe.config.yaml'] ?? '',
      env: map.metadata.name === 'troupe-migrate' ? { TROUPE_STORE_CASSANDRA_USER: 'a' } : env,
    }));
    expect(given.length).toBeGreaterThan(3);
    expect(await troupeConfigProblems(given)).toEqual([]);
  });

  it('takes tokens of issuers beside certificates, fetches their keys, and gives their callers a route', async () => {
    const issuer = { name: 'corp', issuer: 'https://id.example.com:8443', audience: 'troupe', roles: ['own'] };
    const to = [{ kind: 'addresses', cidr: '10.1.0.0/16' }];
    const route = { gateway: 'g', gatewayNamespace: 'n', hostname: 'jobs.example.com' };
    const both = kubernetesEnvironment({ ...base, gateway: { access: { ...access, issuers: [issuer], to }, route } });
    const made = appObjects(both);
    const { gateway: edge } = settingsOf(both, 'troupe-gateway');
    expect(edge?.['issuers']).toEqual([issuer]);
    expect(edge?.['certificates']).toMatchObject({ port: ports.certificates });
    const map = made.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'troupe-gateway');
    const env = { TROUPE_STORE_CASSANDRA_USER: 'a', TROUPE_NATS_USER: 'a' };
    const given = { name: 'troupe-gateway', text: map?.data?.['troupe.config.yaml'] ?? '', env };
    expect(await troupeConfigProblems([given])).toEqual([]);
    const keys = ofKind(made, 'NetworkPolicy').find(({ metadata }) => metadata.name === 'gateway-to-issuers');
    expect(keys?.spec.egress?.[0]?.ports?.map(({ port }) => port)).toEqual([8443]);
    expect(JSON.stringify(keys?.spec.egress)).toContain('10.1.0.0/16');
    const unknown = { access: { ...access, issuers: [{ ...issuer, roles: ['other'] }] } };
    expect(problems({ gateway: unknown })).toEqual([
      expect.stringMatching(/^gateway\.access\.issuers: name roles that/),
    ]);
  });

  it('tells the gateways and workers what it says, and no others', () => {
    const { gateway: edge, audit, encryption } = settingsOf(environment, 'troupe-gateway');
    expect(edge?.['certificates']).toEqual({
      port: ports.certificates,
      caPath: '/etc/troupe/clients/ca.crt',
      identities: access.identities,
    });
    expect(audit).toEqual({ required: 'all', retentionMs: 30 * 86_400_000 });
    const { workers, encryption: sealing, audit: none } = settingsOf(environment, 'troupe-workers-pool-0');
    expect(workers?.['tenants']).toEqual(['billing', '*']);
    expect(sealing).toEqual(encryption);
    expect(encryption).toMatchObject({ keys: 'vault', vault: { tokenPath: '/etc/troupe/vault/token' } });
    expect(none).toBeUndefined();
    expect(settingsOf(environment, 'troupe-shards')).not.toHaveProperty('encryption');
  });

  it('mounts their Secrets where they are read, and opens the ports that they need', () => {
    const mounts = (component: string): readonly string[] =>
      allPods(objects)
        .filter(({ labels }) => labels['app.kubernetes.io/component'] === component)
        .flatMap(({ spec }) => spec.volumes?.[0]?.projected?.sources ?? [])
        .flatMap(({ secret }) => (secret?.name === undefined ? [] : [secret.name]));
    expect(mounts('gateway')).toEqual(expect.arrayContaining(['client-ca', 'vault-token', 'vault-ca']));
    expect(mounts('workers')).toEqual(expect.arrayContaining(['vault-token', 'vault-ca']));
    expect(mounts('workers')).not.toContain('client-ca');
    for (const component of ['shards', 'migrate'])
      expect(mounts(component).filter((name) => /^(vault|client)-/.test(name))).toEqual([]);
    const policies = ofKind(objects, 'NetworkPolicy');
    const vaultPolicies = policies.filter(({ spec }) => JSON.stringify(spec.egress ?? []).includes('8200'));
    expect(vaultPolicies.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'gateway-to-vault',
      'workers-to-vault',
    ]);
    const clients = policies.find(({ metadata }) => metadata.name === 'clients-to-gateway');
    expect(clients?.spec.ingress?.[0]?.ports?.map(({ port }) => port)).toEqual([ports.grpc, ports.certificates]);
    const services = ofKind(objects, 'Service').filter(({ spec }) =>
      spec.ports?.some(({ port }) => port === ports.certificates),
    );
    expect(services).toHaveLength(2);
  });

  it('with keys in a file mounts that file instead, and opens nothing', () => {
    const file = kubernetesEnvironment({
      ...base,
      encryption: { keys: 'file', secret: 'payload-keys', required: ['*'] },
    });
    expect(settingsOf(file, 'troupe-gateway')['encryption']).toEqual({
      keys: 'file',
      required: ['*'],
      file: { path: '/etc/troupe/encryption/keys' },
    });
    const names = ofKind(appObjects(file), 'NetworkPolicy').map(({ metadata }) => metadata.name);
    expect(names.filter((name) => name.includes('vault'))).toEqual([]);
  });

  it('with keys in AWS KMS opens the way there, and its service accounts name the role', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/troupe-keys';
    const environment = kubernetesEnvironment({ ...base, encryption: { ...kms, roleArn }, workers: pools(undefined) });
    const objects = appObjects(environment);
    expect(settingsOf(environment, 'troupe-gateway')['encryption']).toEqual({
      keys: 'aws-kms',
      required: ['*'],
      awsKms: { key: kms.key },
    });
    const names = ofKind(objects, 'NetworkPolicy').map(({ metadata }) => metadata.name);
    expect(names.filter((name) => name.endsWith('-to-kms'))).toEqual(['gateway-to-kms', 'workers-to-kms']);
    const roles = objects.flatMap(({ kind, metadata }) =>
      kind === 'ServiceAccount' ? [[metadata.name, metadata.annotations?.['eks.amazonaws.com/role-arn']]] : [],
    );
    expect(Object.fromEntries(roles)).toEqual({
      'troupe-migrate': undefined,
      'troupe-shards': undefined,
      'troupe-gateway': roleArn,
      'troupe-workers-pool-0': roleArn,
    });
    const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'troupe-gateway');
    const text = map?.data?.['troupe.config.yaml'] ?? '';
    const env = { TROUPE_STORE_CASSANDRA_USER: 'a', TROUPE_NATS_USER: 'a' };
    expect(await troupeConfigProblems([{ name: 'troupe-gateway', text, env }])).toEqual([]);
  });

  it('with an access key of AWS KMS mounts its secret', () => {
    const credentials = { accessKeyId: 'AKIA1', secret: 'kms-key' };
    const environment = kubernetesEnvironment({ ...base, encryption: { ...kms, credentials } });
    expect(settingsOf(environment, 'troupe-gateway')['encryption']).toMatchObject({
      awsKms: { accessKeyId: 'AKIA1', secretAccessKeyPath: '/etc/troupe/kms/secret-access-key' },
    });
    expect(JSON.stringify(allPods(appObjects(environment)))).toContain('"name":"kms-key"');
  });
});
