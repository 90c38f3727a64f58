/**
 * Secrets as references: an ExternalSecret each, which external-secrets fills from a vault. No value passes through
 * terraform. With `secrets.kind: existing`, no objects are created, and the Secrets must exist under the same names
 * (docs/operating/secrets.md).
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type Component, type KubernetesObject, metadata } from './kubernetes-object.ts';
import { natsLoginSecrets, type NatsRole, natsRoles, natsUser, secretNames, storeLoginSecrets } from './names.ts';

/**
 * In the namespace of the NATS servers: the password of each role, by the name of the role. The values are in quotes,
 * because nats-server parses variables of its environment like its configuration.
 */
export const natsPasswords = { name: 'troupe-nats-passwords', keys: natsRoles } as const;
/** In the same Secret: the password of the gateways' user in the system account, if followers log in. */
export const systemPasswordKey = 'system';
/** In the namespace of the ring. */
export const cassandraSuperuser = { name: 'troupe-cassandra-superuser', keys: ['username', 'password'] } as const;
/** Password of Cassandra's key stores. */
export const keystorePassword = { name: 'troupe-cassandra-keystore', keys: ['password'] } as const;

/** The location of a value in the vault, below the prefix of the environment. */
interface VaultValue {
  readonly entry: string;
  readonly property: string;
}

const vaultEntryOf: Record<NatsRole, string> = {
  gateway: 'nats-gateway',
  shards: 'nats-shards',
  workers: 'nats-workers',
};

interface Wanted {
  readonly component: Component;
  readonly name: string;
  readonly namespace?: string;
  /** Values by their key in the Secret. */
  readonly values: Readonly<Record<string, VaultValue>>;
  /** Fixed values that are not secret. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Wrap the values in double quotes. */
  readonly quoted?: boolean;
}

function entry(name: string, keys: readonly string[]): Readonly<Record<string, VaultValue>> {
  return Object.fromEntries(keys.map((key) => [key, { entry: name, property: key }]));
}

export function nodeSecrets(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { cassandraLogin, operatorToken, objects } = secretNames;
  const wanted: readonly Wanted[] = [
    ...natsRoles.map((role) => {
      const { name, keys } = natsLoginSecrets[role];
      const secret = { component: 'secrets', name } as const;
      // Our own servers know a role by its name. Servers that are run elsewhere use the user name in the vault.
      return environment.messaging.kind === 'cluster'
        ? { ...secret, values: entry(vaultEntryOf[role], ['password']), fixed: { user: natsUser(role) } }
        : { ...secret, values: entry(vaultEntryOf[role], keys) };
    }),
    { component: 'secrets', name: cassandraLogin.name, values: entry('cassandra', cassandraLogin.keys) },
    ...storeLogins(environment),
    { component: 'secrets', name: operatorToken.name, values: entry('operator', operatorToken.keys) },
    ...followerSecrets(environment),
    ...(environment.objects?.credentials === 'secret'
      ? [{ component: 'secrets', name: objects.name, values: entry('objects', objects.keys) } as const]
      : []),
  ];
  return externalSecrets(environment, wanted);
}

function storeLogins({ data }: KubernetesEnvironment): readonly Wanted[] {
  if (data.logins === 'shared') return [];
  return natsRoles.map((role) => {
    const { name, keys } = storeLoginSecrets[role];
    return { component: 'secrets', name, values: entry(`cassandra-${role}`, keys) };
  });
}

const systemPassword: VaultValue = { entry: 'nats-system', property: 'password' };

function followerSecrets({ messaging }: KubernetesEnvironment): readonly Wanted[] {
  if (messaging.kind === 'external' || messaging.followers === undefined) return [];
  const { name } = secretNames.natsFollowers;
  const seeds = entry('nats-followers', ['signing-seed', 'sealing-seed']);
  return [{ component: 'secrets', name, values: { ...seeds, 'system-password': systemPassword } }];
}

export function natsSecrets(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { messaging } = environment;
  if (messaging.kind === 'external') return [];
  const values = Object.fromEntries(
    natsRoles.map((role) => [role, { entry: vaultEntryOf[role], property: 'password' }]),
  );
  const system = messaging.followers === undefined ? {} : { [systemPasswordKey]: systemPassword };
  return externalSecrets(environment, [
    {
      component: 'nats',
      name: natsPasswords.name,
      namespace: messaging.namespace,
      values: { ...values, ...system },
      quoted: true,
    },
  ]);
}

export function cassandraSecrets(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { data } = environment;
  if (data.kind === 'external') return [];
  const { namespace, backup } = data;
  const inRing = { component: 'cassandra', namespace } as const;
  return externalSecrets(environment, [
    { ...inRing, name: cassandraSuperuser.name, values: entry('cassandra', cassandraSuperuser.keys) },
    { ...inRing, name: keystorePassword.name, values: entry('cassandra-keystore', keystorePassword.keys) },
    ...(backup === undefined
      ? []
      : [
          ...(backup.secret === undefined
            ? []
            : [{ ...inRing, name: backup.secret, values: entry('medusa', ['credentials']) }]),
          { ...inRing, name: backup.clientCertificates, values: entry('medusa-client', medusaClientKeys) },
        ]),
  ]);
}

/** File names that Medusa expects. */
const medusaClientKeys = ['rootca.crt', 'client.crt_signed', 'client.key'] as const;

function externalSecrets(environment: KubernetesEnvironment, wanted: readonly Wanted[]): readonly KubernetesObject[] {
  const { secrets } = environment;
  if (secrets.kind === 'existing') return [];
  const { store, prefix, refreshMinutes } = secrets;
  return wanted.map(({ component, name, namespace, values, fixed = {}, quoted = false }) => ({
    apiVersion: 'external-secrets.io/v1',
    kind: 'ExternalSecret',
    metadata: metadata(environment, component, name, namespace === undefined ? {} : { namespace }),
    spec: {
      refreshInterval: `${refreshMinutes}m`,
      secretStoreRef: { kind: store.kind, name: store.name },
      // The Secret is deleted only with this object.
      target: {
        name,
        creationPolicy: 'Owner',
        deletionPolicy: 'Retain',
        ...((quoted || Object.keys(fixed).length > 0) && {
          template: templateOf(fixed, Object.keys(values), quoted ? ' | quote' : ''),
        }),
      },
      data: Object.entries(values).map(([secretKey, value]) => ({
        secretKey,
        remoteRef: { key: `${prefix}/${value.entry}`, property: value.property },
      })),
    },
  }));
}

function templateOf(fixed: Readonly<Record<string, string>>, keys: readonly string[], filter: string): object {
  const filled = Object.fromEntries(keys.map((key) => [key, `{{ .${key}${filter} }}`]));
  return { engineVersion: 'v2', data: { ...fixed, ...filled } };
}
