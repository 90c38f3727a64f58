/** Names that several stacks must agree on: Secrets and their keys, services, ports. Values of secrets are nowhere here. */
import type { KubernetesEnvironment } from '../config/environment.ts';

/** Roles with a NATS login of their own, so that each is allowed no more than it needs. */
export const natsRoles = ['gateway', 'shards', 'workers'] as const;
export type NatsRole = (typeof natsRoles)[number];

/** A Secret that pods mount, and what is in it. */
interface SecretNames {
  readonly name: string;
  readonly keys: readonly string[];
}

const login = ['user', 'password'] as const;
const certificate = ['ca.crt', 'tls.crt', 'tls.key'] as const;

/** `user` and `password` of one role. */
export const natsLoginSecrets = {
  gateway: { name: 'troupe-nats-gateway', keys: login },
  shards: { name: 'troupe-nats-shards', keys: login },
  workers: { name: 'troupe-nats-workers', keys: login },
} as const satisfies Record<NatsRole, SecretNames>;

export const secretNames = {
  /** What the nodes show to NATS, and whom they trust there. */
  natsTls: { name: 'troupe-nats-tls', keys: certificate },
  cassandraLogin: { name: 'troupe-cassandra-login', keys: ['username', 'password'] },
  cassandraTls: { name: 'troupe-cassandra-tls', keys: certificate },
  /** For the names of `gatewayHosts`; KEDA reads `ca.crt` of it. */
  gatewayTls: { name: 'troupe-gateway-tls', keys: certificate },
  operatorToken: { name: 'troupe-operator-token', keys: ['token'] },
} as const satisfies Record<string, SecretNames>;

/** What the platform's own NATS knows a role as. (The nodes take their user from the Secret: another NATS has other names.) */
export function natsUser(role: NatsRole): string {
  return `troupe-${role}`;
}

export const ports = { grpc: 50_051, scaler: 50_061, http: 8_080, nats: 4_222, cassandra: 9_042, dns: 53 } as const;

/** The gateways: a name with a virtual address, one that resolves to the pods for clients that balance themselves, the scaler. */
export const gatewayServices = {
  virtual: 'troupe-gateway',
  headless: 'troupe-gateway-headless',
  canary: 'troupe-gateway-canary',
  scaler: 'troupe-scaler',
} as const;

/** Every name by which a gateway is called, for its certificate. */
export function gatewayHosts({ namespace, gateway }: KubernetesEnvironment): readonly string[] {
  const inside = Object.values(gatewayServices).flatMap((service) => [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]);
  return gateway.route === undefined ? inside : [...inside, gateway.route.hostname];
}

/** The Service of the NATS that the messaging stack makes, and of the ring that the data stack makes. */
export const natsService = 'nats';

export function natsServers({ messaging }: KubernetesEnvironment): readonly string[] {
  switch (messaging.kind) {
    case 'cluster':
      return [`${natsService}.${messaging.namespace}.svc.cluster.local:${ports.nats}`];
    case 'external':
      return messaging.servers;
  }
}

/** K8ssandra's name for it: of the cluster and of the data centre. */
export function cassandraContactPoints({ data }: KubernetesEnvironment): readonly string[] {
  switch (data.kind) {
    case 'k8ssandra':
      return [`${data.clusterName}-${data.dataCenter}-service.${data.namespace}.svc.cluster.local:${ports.cassandra}`];
    case 'external':
      return data.contactPoints;
  }
}
