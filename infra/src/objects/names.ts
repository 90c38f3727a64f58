/** Names that several stacks must agree on: Secrets and their keys, services, ports. Values of secrets are nowhere here. */

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

/** `user` and `password` of one role; `user` is also the name of the role (natsUser). */
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
  gatewayTls: { name: 'troupe-gateway-tls', keys: ['tls.crt', 'tls.key'] },
  operatorToken: { name: 'troupe-operator-token', keys: ['token'] },
} as const satisfies Record<string, SecretNames>;

/** The user that a role logs in as at NATS; its password is in the Secret of the role. */
export function natsUser(role: NatsRole): string {
  return `troupe-${role}`;
}

/** The role that the nodes log in as at Cassandra; its password is in `secretNames.cassandraLogin`. */
export const cassandraUser = 'troupe';

export const ports = { grpc: 50_051, http: 8_080, nats: 4_222, cassandra: 9_042 } as const;

/** The gateway: one name with a virtual address, and one that resolves to the pods for clients that balance themselves. */
export const gatewayServices = { virtual: 'troupe-gateway', headless: 'troupe-gateway-headless' } as const;
