/** Rules between keys. Each relation names the keys that it concerns. */
import { roleOf } from '../domain/access/role-binding.ts';
import { rolesWith } from '../domain/access/role.ts';
import { encryptionRelations } from './encryption-relations.ts';
import { type Relation, requires } from './relation.ts';
import type { Config } from './schema.ts';

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

type ClientTls = Config['nats']['tls'];

function clientTlsRelation(section: string, tlsOf: (config: Config) => ClientTls): Relation {
  const [ca, cert, key] = ['caPath', 'certPath', 'keyPath'].map((name) => `${section}.tls.${name}`) as [
    string,
    string,
    string,
  ];
  return {
    keys: [cert, key, ca],
    rule: `\`${cert}\` and \`${key}\` are set together, and only with \`${ca}\``,
    check: (config) => {
      const { caPath, certPath, keyPath } = tlsOf(config);
      if (certPath === undefined && keyPath === undefined) return undefined;
      return requires(
        certPath !== undefined && keyPath !== undefined && caPath !== undefined,
        `must be set together with ${key} and ${ca}`,
      );
    },
  };
}

function togetherRelation(one: string, other: string, valuesOf: (config: Config) => readonly unknown[]): Relation {
  return {
    keys: [one, other],
    rule: `\`${one}\` and \`${other}\` are both set, or neither is`,
    check: (config) =>
      requires(
        new Set(valuesOf(config).map((value) => value === undefined)).size === 1,
        `must be set together with ${other}: set both or neither`,
      ),
  };
}

const followerKeys = ['signingSeedPath', 'sealingSeedPath', 'systemUser', 'systemPasswordPath'] as const;

/** A credential of a follower is sealed on its way through NATS, and can be taken back. */
const followersRelation: Relation = {
  keys: followerKeys.map((name) => `nats.followers.${name}`),
  rule: 'the four of `nats.followers` are all set, or none is',
  check: ({ nats: { followers } }) =>
    requires(
      new Set(followerKeys.map((name) => followers[name] === undefined)).size === 1,
      `must be set together: ${followerKeys.map((name) => `nats.followers.${name}`).join(', ')}`,
    ),
};

/** Plain text leaves the machine only if the configuration explicitly allows it. */
function listenRelation(
  section: 'gateway' | 'scaler',
  serverOf: (config: Config) => Pick<Config['gateway'], 'host' | 'insecure'> & {
    readonly tls: Pick<Config['gateway']['tls'], 'certPath'>;
  },
): Relation {
  const flag = section === 'gateway' ? ' (--insecure)' : '';
  return {
    keys: [`${section}.host`, `${section}.insecure`, `${section}.tls.certPath`],
    rule: `\`${section}.host\` is loopback, or \`${section}.tls\` is set, or \`${section}.insecure\` is true`,
    check: (config) => {
      const { host, insecure, tls } = serverOf(config);
      return requires(
        loopback.test(host) || tls.certPath !== undefined || insecure,
        `must be loopback unless TLS is on (${host} is not loopback): set ${section}.tls.certPath and ${section}.tls.keyPath, ` +
          `or ${section}.insecure${flag} if plain text is intended`,
      );
    },
  };
}

/** Nobody opens a gateway to a network by forgetting something. */
const authRelation: Relation = {
  keys: ['gateway.auth', 'gateway.host', 'gateway.issuers', 'gateway.apiKeys', 'gateway.certificates.port'],
  rule:
    '`gateway.host` is loopback, or `gateway.issuers` has an issuer, or `gateway.apiKeys` is true, or ' +
    '`gateway.certificates.port` is set, or `gateway.auth` is `none`, which goes with none of the others',
  check: ({ gateway: { auth, host, issuers, apiKeys, certificates }, roles }) => {
    const asks = issuers.length > 0 || apiKeys || certificates.port !== undefined;
    if (auth === 'none')
      return requires(
        !asks,
        'must not be none while gateway.issuers has issuers, gateway.apiKeys is true or gateway.certificates.port is set',
      );
    return requires(
      asks || loopback.test(host) || !roles.includes('gateway'),
      `needs gateway.issuers, gateway.apiKeys or gateway.certificates, because others can reach ${host}: add an issuer, ` +
        'accept API keys or certificates, or set gateway.auth to none (--no-auth) if everyone who reaches the port may work with all jobs',
    );
  },
};

/** A role that nobody defined gives nothing, silently. */
const rolesRelation: Relation = {
  keys: ['gateway.issuers', 'gateway.certificates.identities', 'gateway.roles'],
  rule: '`gateway.issuers` and `gateway.certificates.identities` name built-in roles and those of `gateway.roles` only',
  check: ({ gateway: { issuers, certificates, roles } }) => {
    const known = rolesWith(roles);
    const named = [
      ...issuers.flatMap((issuer) => [...issuer.roles, ...Object.values(issuer.groupRoles).flat()]),
      ...certificates.identities.flatMap((identity) => identity.roles),
    ];
    const unknown = named.filter((text) => !known.has(roleOf(text)));
    return requires(
      unknown.length === 0,
      `names roles that do not exist: ${unknown.join(', ')} (there are ${[...known.keys()].join(', ')})`,
    );
  },
};

/** Half a listener would be none, silently. */
const certificatesRelation: Relation = {
  keys: ['gateway.certificates.port', 'gateway.certificates.caPath', 'gateway.tls.certPath'],
  rule: '`gateway.certificates.port` and `gateway.certificates.caPath` are set together, and only with `gateway.tls`',
  check: ({ gateway: { certificates, tls } }) => {
    const { port, caPath, identities } = certificates;
    if (port === undefined && caPath === undefined && identities.length === 0) return undefined;
    if (port === undefined || caPath === undefined)
      return 'must be set together with gateway.certificates.caPath: without both, no certificate is accepted';
    return requires(tls.certPath !== undefined, 'needs gateway.tls.certPath and gateway.tls.keyPath');
  },
};

export const relations: readonly Relation[] = [
  authRelation,
  rolesRelation,
  certificatesRelation,
  {
    keys: ['objects.kind', 'objects.files.path', 'store.kind'],
    rule: '`objects.kind: files` with the store `cassandra` needs `objects.files.path`',
    check: ({ objects, store }) =>
      requires(
        objects.kind !== 'files' || store.kind === 'sqlite' || objects.files.path !== undefined,
        'needs objects.files.path, a folder that every machine of the cluster has mounted; set both',
      ),
  },
  {
    keys: ['objects.kind', 'objects.s3.bucket'],
    rule: '`objects.kind: s3` needs `objects.s3.bucket`',
    check: ({ objects }) =>
      requires(objects.kind !== 's3' || objects.s3.bucket !== undefined, 'needs objects.s3.bucket; set both'),
  },
  togetherRelation('objects.s3.accessKeyId', 'objects.s3.secretAccessKeyPath', ({ objects: { s3 } }) => [
    s3.accessKeyId,
    s3.secretAccessKeyPath,
  ]),
  togetherRelation(
    'encryption.awsKms.accessKeyId',
    'encryption.awsKms.secretAccessKeyPath',
    ({ encryption: { awsKms } }) => [awsKms.accessKeyId, awsKms.secretAccessKeyPath],
  ),
  {
    keys: ['shards.leaseTtlMs', 'shards.leaseRenewalMs'],
    rule: '`shards.leaseTtlMs` is more than twice `shards.leaseRenewalMs`',
    check: ({ shards }) =>
      requires(
        shards.leaseTtlMs > 2 * shards.leaseRenewalMs,
        `must be more than twice shards.leaseRenewalMs (${shards.leaseTtlMs} is not more than 2 × ${shards.leaseRenewalMs})`,
      ),
  },
  {
    keys: ['gateway.connectionsPerAddressMax', 'gateway.connectionsMax'],
    rule: '`gateway.connectionsPerAddressMax` is at most `gateway.connectionsMax`',
    check: ({ gateway }) =>
      requires(
        gateway.connectionsPerAddressMax <= gateway.connectionsMax,
        `must be at most gateway.connectionsMax (${gateway.connectionsPerAddressMax} > ${gateway.connectionsMax})`,
      ),
  },
  {
    keys: ['gateway.payloadMaxBytes', 'gateway.bytesInFlightMax'],
    rule: '`gateway.payloadMaxBytes` is at most `gateway.bytesInFlightMax`',
    check: ({ gateway }) =>
      requires(
        gateway.payloadMaxBytes <= gateway.bytesInFlightMax,
        `must be at most gateway.bytesInFlightMax (${gateway.payloadMaxBytes} > ${gateway.bytesInFlightMax})`,
      ),
  },
  {
    keys: ['workers.cancelGraceMs', 'shutdown.graceMs'],
    rule: '`workers.cancelGraceMs` is at most `shutdown.graceMs`',
    check: ({ workers, shutdown }) =>
      requires(
        workers.cancelGraceMs <= shutdown.graceMs,
        `must be at most shutdown.graceMs (${workers.cancelGraceMs} > ${shutdown.graceMs})`,
      ),
  },
  {
    keys: ['workers.memoryMb', 'workers.memoryMaxMb'],
    rule: '`workers.memoryMb` is at most `workers.memoryMaxMb`',
    check: ({ workers }) =>
      requires(
        workers.memoryMb <= workers.memoryMaxMb,
        `must be at most workers.memoryMaxMb (${workers.memoryMb} > ${workers.memoryMaxMb})`,
      ),
  },
  {
    keys: ['workers.cellRssMaxMb', 'workers.memoryMb'],
    rule: '`workers.cellRssMaxMb` is 0, or at least 256 MiB and more than `workers.memoryMb`',
    check: ({ workers: { cellRssMaxMb, memoryMb } }) =>
      requires(
        cellRssMaxMb === 0 || (cellRssMaxMb >= 256 && cellRssMaxMb > memoryMb),
        `must be 0, or at least 256 and more than workers.memoryMb (${cellRssMaxMb}, with workers.memoryMb ${memoryMb})`,
      ),
  },
  togetherRelation('gateway.tls.certPath', 'gateway.tls.keyPath', ({ gateway: { tls } }) => [
    tls.certPath,
    tls.keyPath,
  ]),
  {
    keys: ['gateway.operatorToken', 'gateway.operatorTokenPath'],
    rule: '`gateway.operatorToken` and `gateway.operatorTokenPath` exclude each other',
    check: ({ gateway }) =>
      requires(
        gateway.operatorToken === undefined || gateway.operatorTokenPath === undefined,
        'must not be set together with gateway.operatorTokenPath; remove one of them',
      ),
  },
  listenRelation('gateway', ({ gateway }) => gateway),
  togetherRelation('scaler.tls.certPath', 'scaler.tls.keyPath', ({ scaler: { tls } }) => [tls.certPath, tls.keyPath]),
  {
    keys: ['scaler.tls.clientCaPath', 'scaler.tls.certPath'],
    rule: '`scaler.tls.clientCaPath` needs `scaler.tls.certPath`',
    check: ({ scaler: { tls } }) =>
      requires(
        tls.clientCaPath === undefined || tls.certPath !== undefined,
        'needs scaler.tls.certPath; set it as well',
      ),
  },
  listenRelation('scaler', ({ scaler }) => scaler),
  {
    keys: ['kubernetes.podDeletionCost', 'kubernetes.podName', 'kubernetes.podNamespace'],
    rule: '`kubernetes.podDeletionCost` needs `kubernetes.podName` and `kubernetes.podNamespace`',
    check: ({ kubernetes: { podDeletionCost, podName, podNamespace } }) =>
      requires(
        !podDeletionCost || (podName !== undefined && podNamespace !== undefined),
        'needs kubernetes.podName and kubernetes.podNamespace; set both',
      ),
  },
  togetherRelation('nats.user', 'nats.passwordPath', ({ nats }) => [nats.user, nats.passwordPath]),
  {
    keys: ['store.cassandra.logins', 'store.cassandra.user'],
    rule: '`store.cassandra.logins` needs `store.cassandra.user`, and does not have it among its users',
    check: ({ store: { cassandra } }) => {
      const { logins, user } = cassandra;
      if (logins.length === 0) return undefined;
      return requires(
        user !== undefined && logins.every((login) => login.user !== user),
        'needs store.cassandra.user, the login that makes them, and must not name that one',
      );
    },
  },
  togetherRelation('store.cassandra.user', 'store.cassandra.passwordPath', ({ store: { cassandra } }) => [
    cassandra.user,
    cassandra.passwordPath,
  ]),
  clientTlsRelation('nats', ({ nats }) => nats.tls),
  followersRelation,
  clientTlsRelation('store.cassandra', ({ store }) => store.cassandra.tls),
  {
    keys: ['nats.credsPath', 'nats.user'],
    rule: '`nats.credsPath` and `nats.user` exclude each other',
    check: ({ nats }) =>
      requires(
        nats.credsPath === undefined || nats.user === undefined,
        'must not be set together with nats.user; remove one of them',
      ),
  },
  ...encryptionRelations,
];
