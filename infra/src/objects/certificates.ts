/**
 * Certificates of the workloads, which cert-manager renews with a new key each time. The processes reload the files:
 * nodes at each connection, NATS by its reloader. With `certificates.kind: existing` no objects are created.
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type Component, type KubernetesObject, metadata } from './kubernetes-object.ts';
import { gatewayHosts, natsService, secretNames } from './names.ts';
import { keystorePassword } from './secrets.ts';

/** In the namespace of the NATS servers: their certificate towards nodes and among themselves. */
export const natsServerTls = 'troupe-nats-server-tls';
/** In the namespace of the ring: Java key stores towards clients and among the nodes of the ring. */
export const cassandraStores = {
  client: 'troupe-cassandra-client-tls',
  server: 'troupe-cassandra-server-tls',
} as const;

type Usage = 'client auth' | 'server auth';

interface Wanted {
  readonly component: Component;
  readonly name: string;
  readonly namespace?: string;
  /** The common name, for people. `hosts` lists the names that are verified. */
  readonly subject: string;
  readonly hosts?: readonly string[];
  readonly usages: readonly Usage[];
  readonly javaStores?: boolean;
}

/**
 * Client certificates of the nodes of Troupe. Servers that are run elsewhere have their own authority, so the Secrets
 * for them exist already.
 */
export function nodeCertificates(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const client = { component: 'certificates', subject: 'troupe', usages: ['client auth'] } as const;
  return certificates(environment, [
    ...(environment.messaging.kind === 'cluster' ? [{ ...client, name: secretNames.natsTls.name }] : []),
    ...(environment.data.kind === 'k8ssandra' ? [{ ...client, name: secretNames.cassandraTls.name }] : []),
    {
      component: 'certificates',
      name: secretNames.gatewayTls.name,
      subject: 'troupe-gateway',
      hosts: gatewayHosts(environment),
      usages: ['server auth'],
    },
  ]);
}

export function natsCertificates(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { messaging } = environment;
  if (messaging.kind === 'external') return [];
  const { namespace } = messaging;
  // Servers connect to each other by short names, because the chart writes the routes so.
  const routes = [`*.${natsService}-headless`, ...hostsOf(`*.${natsService}-headless`, namespace)];
  return certificates(environment, [
    {
      component: 'nats',
      name: natsServerTls,
      namespace,
      subject: 'nats',
      hosts: [...hostsOf(natsService, namespace), ...routes],
      usages: ['server auth', 'client auth'],
    },
  ]);
}

export function cassandraCertificates(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { data } = environment;
  if (data.kind === 'external') return [];
  const { namespace, clusterName, dataCenter } = data;
  const ring = { component: 'cassandra', namespace, subject: 'cassandra', javaStores: true } as const;
  return certificates(environment, [
    {
      ...ring,
      name: cassandraStores.client,
      hosts: hostsOf(`${clusterName}-${dataCenter}-service`, namespace),
      usages: ['server auth', 'client auth'],
    },
    {
      ...ring,
      name: cassandraStores.server,
      hosts: hostsOf(`*.${clusterName}-${dataCenter}-all-pods-service`, namespace),
      usages: ['server auth', 'client auth'],
    },
  ]);
}

function hostsOf(service: string, namespace: string): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}

function certificates(environment: KubernetesEnvironment, wanted: readonly Wanted[]): readonly KubernetesObject[] {
  const { certificates: config } = environment;
  if (config.kind === 'existing') return [];
  const { issuer } = config;
  return wanted.map(({ component, name, namespace, subject, hosts, usages, javaStores }) => ({
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: metadata(environment, component, name, namespace === undefined ? {} : { namespace }),
    spec: {
      secretName: name,
      issuerRef: { group: 'cert-manager.io', kind: issuer.kind, name: issuer.name },
      commonName: subject,
      ...(hosts !== undefined && { dnsNames: hosts }),
      usages: ['digital signature', 'key encipherment', ...usages],
      duration: '2160h0m0s',
      renewBefore: '720h0m0s',
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      ...(javaStores === true && { keystores: { jks: { create: true, passwordSecretRef } } }),
    },
  }));
}

const passwordSecretRef = { name: keystorePassword.name, key: keystorePassword.keys[0] };
