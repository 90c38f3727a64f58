/** The files in the pods: the configuration and the Secrets that it names, all in one folder. */
import type { VolumeProjection } from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { natsLoginSecrets, natsRoles, type NatsRole, secretNames, storeLoginSecrets } from './names.ts';

export const mountFolder = '/etc/troupe';
export const configFile = 'troupe.config.yaml';
/** Working directory of the image. A node keeps nothing here that it needs again. */
export const dataFolder = '/var/lib/troupe';
export const handlerSecretsFolder = '/secrets';
/** Inputs that handlers take as files. Only workers with `scratchGb` have it. */
export const scratchFolder = '/var/lib/troupe-scratch';

export type MountedFile =
  | 'nats/password'
  | 'nats/ca.crt'
  | 'nats/tls.crt'
  | 'nats/tls.key'
  | 'cassandra/password'
  | 'cassandra/ca.crt'
  | 'cassandra/tls.crt'
  | 'cassandra/tls.key'
  | `logins/${NatsRole}`
  | 'gateway/tls.crt'
  | 'gateway/tls.key'
  | 'clients/ca.crt'
  | 'encryption/keys'
  | 'vault/token'
  | 'vault/ca.crt'
  | 'kms/secret-access-key'
  | 'operator/token'
  | 'followers/signing-seed'
  | 'followers/sealing-seed'
  | 'followers/system-password'
  | 'objects/secret-access-key';

/** The path of a file in the pod. */
export function mounted(file: MountedFile): string {
  return `${mountFolder}/${file}`;
}

function fromSecret(name: string, files: Readonly<Partial<Record<MountedFile, string>>>): VolumeProjection {
  return { secret: { name, items: Object.entries(files).map(([path, key]) => ({ key, path })) } };
}

export function configProjection(configMap: string): VolumeProjection {
  return { configMap: { name: configMap, items: [{ key: configFile, path: configFile }] } };
}

export function natsProjections(role: NatsRole): VolumeProjection[] {
  return [
    fromSecret(natsLoginSecrets[role].name, { 'nats/password': 'password' }),
    fromSecret(secretNames.natsTls.name, {
      'nats/ca.crt': 'ca.crt',
      'nats/tls.crt': 'tls.crt',
      'nats/tls.key': 'tls.key',
    }),
  ];
}

/** Without `role`: of the Job of the schema, which makes the logins of the others. */
export function cassandraProjections({ data }: KubernetesEnvironment, role?: NatsRole): VolumeProjection[] {
  const own = data.logins === 'component' && role !== undefined ? storeLoginSecrets[role] : secretNames.cassandraLogin;
  const made = data.logins === 'component' && role === undefined ? natsRoles : [];
  return [
    fromSecret(own.name, { 'cassandra/password': 'password' }),
    ...made.map((one) => fromSecret(storeLoginSecrets[one].name, { [`logins/${one}`]: 'password' })),
    fromSecret(secretNames.cassandraTls.name, {
      'cassandra/ca.crt': 'ca.crt',
      'cassandra/tls.crt': 'tls.crt',
      'cassandra/tls.key': 'tls.key',
    }),
  ];
}

/** None if the pods have a role. */
export function objectsProjections({ objects }: KubernetesEnvironment): VolumeProjection[] {
  if (objects?.credentials !== 'secret') return [];
  return [fromSecret(secretNames.objects.name, { 'objects/secret-access-key': 'secret-access-key' })];
}

export function gatewayTlsProjection(): VolumeProjection {
  return fromSecret(secretNames.gatewayTls.name, { 'gateway/tls.crt': 'tls.crt', 'gateway/tls.key': 'tls.key' });
}

/** The authorities of clients that show certificates. */
export function clientAuthorities({ gateway: { access } }: KubernetesEnvironment): VolumeProjection[] {
  return access.kind === 'certificates' ? [fromSecret(access.caSecret, { 'clients/ca.crt': 'ca.crt' })] : [];
}

/** With what gateways and workers seal payloads and open them. */
export function encryptionProjections({ encryption }: KubernetesEnvironment): VolumeProjection[] {
  switch (encryption?.keys) {
    case undefined:
      return [];
    case 'file':
      return [fromSecret(encryption.secret, { 'encryption/keys': 'keys' })];
    case 'vault': {
      const { tokenSecret, caSecret } = encryption;
      const token = fromSecret(tokenSecret, { 'vault/token': 'token' });
      return caSecret === undefined ? [token] : [token, fromSecret(caSecret, { 'vault/ca.crt': 'ca.crt' })];
    }
    case 'aws-kms': {
      const { credentials } = encryption;
      if (credentials === 'role') return [];
      return [fromSecret(credentials.secret, { 'kms/secret-access-key': 'secret-access-key' })];
    }
  }
}

export function operatorTokenProjection(): VolumeProjection {
  return fromSecret(secretNames.operatorToken.name, { 'operator/token': 'token' });
}

/** None if nobody outside Troupe follows events. */
export function followerProjections({ messaging }: KubernetesEnvironment): VolumeProjection[] {
  if (messaging.kind === 'external' || messaging.followers === undefined) return [];
  return [
    fromSecret(secretNames.natsFollowers.name, {
      'followers/signing-seed': 'signing-seed',
      'followers/sealing-seed': 'sealing-seed',
      'followers/system-password': 'system-password',
    }),
  ];
}
