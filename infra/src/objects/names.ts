/** Names that several stacks share: Secrets and their keys, services, ports. No values of secrets are here. */
import type { KubernetesEnvironment } from '../config/environment.ts';

/** Roles with their own NATS login, so that each gets only the permissions it needs. */
export const natsRoles = ['gateway', 'shards', 'workers'] as const;
export type NatsRole = (typeof natsRoles)[number];

/** A Secret that pods mount, and its keys. */
interface SecretNames {
  readonly name: string;
  readonly keys: readonly string[];
}

const login = ['user', 'password'] as const;
const certificate = ['ca.crt', 'tls.crt', 'tls.key'] as const;

/** Secrets with `user` and `password` of each role. */
export const natsLoginSecrets = {
  gateway: { name: 'troupe-nats-gateway', keys: login },
  shards: { name: 'troupe-nats-shards', keys: login },
  workers: { name: 'troupe-nats-workers', keys: login },
} as const satisfies Record<NatsRole, SecretNames>;

/** Secrets with the `password` of each component's own login to the ring, if it has one (`data.logins: component`). */
export const storeLoginSecrets = {
  gateway: { name: 'troupe-cassandra-gateway', keys: ['password'] },
  shards: { name: 'troupe-cassandra-shards', keys: ['password'] },
  workers: { name: 'troupe-cassandra-workers', keys: ['password'] },
} as const satisfies Record<NatsRole, SecretNames>;

/** User name of that login. It has the name of the keyspace, because a ring may serve several clusters. */
export function storeUser({ data }: KubernetesEnvironment, role: NatsRole): string {
  return `${data.keyspace}-${role}`;
}

export const secretNames = {
  /** Client certificate of the nodes towards NATS, and the authority that they trust. */
  natsTls: { name: 'troupe-nats-tls', keys: certificate },
  /** Of the Job of the schema, and of all nodes while they have no logins of their own. */
  cassandraLogin: { name: 'troupe-cassandra-login', keys: ['username', 'password'] },
  cassandraTls: { name: 'troupe-cassandra-tls', keys: certificate },
  /** Certificate for the names in `gatewayHosts`. KEDA reads its `ca.crt`. */
  gatewayTls: { name: 'troupe-gateway-tls', keys: certificate },
  operatorToken: { name: 'troupe-operator-token', keys: ['token'] },
  /** Of gateways that let followers of events in to NATS. */
  natsFollowers: { name: 'troupe-nats-followers', keys: ['signing-seed', 'sealing-seed', 'system-password'] },
  /** Of the bucket of large payloads. */
  objects: { name: 'troupe-objects', keys: ['access-key-id', 'secret-access-key'] },
} as const satisfies Record<string, SecretNames>;

/**
 * User name of a role in our own NATS. Nodes read their user name from the Secret, because another NATS may use other
 * names.
 */
export function natsUser(role: NatsRole): string {
  return `troupe-${role}`;
}

export const ports = {
  grpc: 50_051,
  certificates: 50_052,
  scaler: 50_061,
  web: 8_081,
  http: 8_080,
  nats: 4_222,
  cassandra: 9_042,
  dns: 53,
  otlpHttp: 4_318,
} as const;

/**
 * Services of the gateways: one with a virtual address, one that resolves to the pods for clients that balance
 * themselves, one for the canary, and one for the scaler.
 */
export const gatewayServices = {
  virtual: 'troupe-gateway',
  headless: 'troupe-gateway-headless',
  canary: 'troupe-gateway-canary',
  scaler: 'troupe-scaler',
} as const;

/** The collector of metrics and spans. */
export const collectorName = 'troupe-collector';

/** Every host name of the gateways, for their certificate. */
export function gatewayHosts({ namespace, gateway }: KubernetesEnvironment): readonly string[] {
  const inside = Object.values(gatewayServices).flatMap((service) => [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]);
  return gateway.route === undefined ? inside : [...inside, gateway.route.hostname];
}

/** The Service of the NATS that the messaging stack creates. */
export const natsService = 'nats';

export function natsServers({ messaging }: KubernetesEnvironment): readonly string[] {
  switch (messaging.kind) {
    case 'cluster':
      return [`${natsService}.${messaging.namespace}.svc.cluster.local:${ports.nats}`];
    case 'external':
      return messaging.servers;
  }
}

/** K8ssandra names the Service after the cluster and the data centre. */
export function cassandraContactPoints({ data }: KubernetesEnvironment): readonly string[] {
  switch (data.kind) {
    case 'k8ssandra':
      return [`${data.clusterName}-${data.dataCenter}-service.${data.namespace}.svc.cluster.local:${ports.cassandra}`];
    case 'external':
      return data.contactPoints;
  }
}
