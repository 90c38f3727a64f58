/** What must hold between keys, not only for each of them. Each relation names the keys it speaks of. */
import type { Config } from './schema.ts';

export interface Relation {
  readonly keys: readonly string[];
  /** What must hold, for the reference. */
  readonly rule: string;
  /** Undefined when it holds; else what is wrong, with the values. */
  readonly check: (config: Config) => string | undefined;
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

function requires(holds: boolean, complaint: string): string | undefined {
  return holds ? undefined : complaint;
}

type ClientTls = Config['nats']['tls'];

function clientTlsRelation(section: string, tlsOf: (config: Config) => ClientTls): Relation {
  const [ca, cert, key] = ['caPath', 'certPath', 'keyPath'].map((name) => `${section}.tls.${name}`) as [
    string,
    string,
    string,
  ];
  return {
    keys: [cert, key, ca],
    rule: `\`${cert}\` and \`${key}\` come together, and with \`${ca}\``,
    check: (config) => {
      const { caPath, certPath, keyPath } = tlsOf(config);
      if (certPath === undefined && keyPath === undefined) return undefined;
      return requires(
        certPath !== undefined && keyPath !== undefined && caPath !== undefined,
        `must come together with ${key} and ${ca}`,
      );
    },
  };
}

function togetherRelation(one: string, other: string, valuesOf: (config: Config) => readonly unknown[]): Relation {
  return {
    keys: [one, other],
    rule: `\`${one}\` and \`${other}\` come together or not at all`,
    check: (config) =>
      requires(
        new Set(valuesOf(config).map((value) => value === undefined)).size === 1,
        `must come together with ${other}, or neither of them`,
      ),
  };
}

/** Plain text leaves the machine only where somebody has said so. */
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
        `must be loopback without TLS (${host} is not): set ${section}.tls.certPath and ${section}.tls.keyPath, ` +
          `or ${section}.insecure${flag} if it is meant`,
      );
    },
  };
}

export const relations: readonly Relation[] = [
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
    rule: '`gateway.operatorToken` and `gateway.operatorTokenPath` are not given both',
    check: ({ gateway }) =>
      requires(
        gateway.operatorToken === undefined || gateway.operatorTokenPath === undefined,
        'must not be given together with gateway.operatorTokenPath',
      ),
  },
  listenRelation('gateway', ({ gateway }) => gateway),
  togetherRelation('scaler.tls.certPath', 'scaler.tls.keyPath', ({ scaler: { tls } }) => [tls.certPath, tls.keyPath]),
  {
    keys: ['scaler.tls.clientCaPath', 'scaler.tls.certPath'],
    rule: '`scaler.tls.clientCaPath` comes with `scaler.tls.certPath`',
    check: ({ scaler: { tls } }) =>
      requires(
        tls.clientCaPath === undefined || tls.certPath !== undefined,
        'must come together with scaler.tls.certPath',
      ),
  },
  listenRelation('scaler', ({ scaler }) => scaler),
  {
    keys: ['kubernetes.podDeletionCost', 'kubernetes.podName', 'kubernetes.podNamespace'],
    rule: '`kubernetes.podDeletionCost` comes with `kubernetes.podName` and `kubernetes.podNamespace`',
    check: ({ kubernetes: { podDeletionCost, podName, podNamespace } }) =>
      requires(
        !podDeletionCost || (podName !== undefined && podNamespace !== undefined),
        'must come together with kubernetes.podName and kubernetes.podNamespace',
      ),
  },
  togetherRelation('nats.user', 'nats.passwordPath', ({ nats }) => [nats.user, nats.passwordPath]),
  togetherRelation('store.cassandra.user', 'store.cassandra.passwordPath', ({ store: { cassandra } }) => [
    cassandra.user,
    cassandra.passwordPath,
  ]),
  clientTlsRelation('nats', ({ nats }) => nats.tls),
  clientTlsRelation('store.cassandra', ({ store }) => store.cassandra.tls),
  {
    keys: ['nats.credsPath', 'nats.user'],
    rule: '`nats.credsPath` and `nats.user` exclude each other',
    check: ({ nats }) =>
      requires(nats.credsPath === undefined || nats.user === undefined, 'must not come together with nats.user'),
  },
];
