/**
 * The ring of an environment as a K8ssandraCluster, small on purpose: what Troupe's way of writing needs
 * (docs/adr/0002), encryption, backups by Medusa, repairs by Reaper. The rest is K8ssandra's own default.
 */
import type { DataConfig } from '../config/data.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { cassandraBackingPolicies } from './backing-network.ts';
import { cassandraCertificates, cassandraStores } from './certificates.ts';
import { type KubernetesObject, metadata } from './kubernetes-object.ts';
import { cassandraSecrets, cassandraSuperuser, keystorePassword } from './secrets.ts';

type Ring = Extract<DataConfig, { kind: 'k8ssandra' }>;

export function dataObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { data } = environment;
  if (data.kind === 'external') return [];
  return [
    ...cassandraBackingPolicies(environment),
    ...cassandraSecrets(environment),
    ...cassandraCertificates(environment),
    cluster(environment, data),
    ...schedules(environment, data),
  ];
}

/** What terraform must never destroy: with it go the volumes. */
export function holdsData({ kind }: KubernetesObject): boolean {
  return kind === 'K8ssandraCluster';
}

function cluster(environment: KubernetesEnvironment, ring: Ring): KubernetesObject {
  const { namespace, clusterName } = ring;
  return {
    apiVersion: 'k8ssandra.io/v1alpha1',
    kind: 'K8ssandraCluster',
    metadata: metadata(environment, 'cassandra', clusterName, { namespace }),
    spec: {
      auth: true,
      cassandra: {
        serverVersion: ring.serverVersion,
        superuserSecretRef: { name: cassandraSuperuser.name },
        serverEncryptionStores: stores(cassandraStores.server),
        clientEncryptionStores: stores(cassandraStores.client),
        softPodAntiAffinity: false,
        telemetry: { prometheus: { enabled: true } },
        resources: resources(ring),
        config: { cassandraYaml, jvmOptions: heap(ring) },
        storageConfig: storage(ring),
        datacenters: [dataCenter(ring)],
      },
      // Each range within a repair cycle, well before what was deleted could come back (gc_grace_seconds, 10 days).
      reaper: { autoScheduling: { enabled: true, repairType: 'AUTO' }, httpManagement: { enabled: true } },
      ...(ring.backup !== undefined && { medusa: medusa(ring.backup, clusterName) }),
    },
  };
}

/**
 * One round trip for each conditional write (v2), and one sync for the commits of 5 ms: a shard waits for exactly these
 * two. Commits are never acknowledged before they are on disk. A server whose disk refuses writes ends (`die`) and is
 * started again; by default it lives on, deaf.
 */
const cassandraYaml = {
  paxos_variant: 'v2',
  commitlog_sync: 'group',
  commitlog_sync_group_window: '5ms',
  auto_snapshot: true,
  disk_failure_policy: 'die',
  commit_failure_policy: 'die',
  server_encryption_options: { internode_encryption: 'all', require_client_auth: true },
  client_encryption_options: { enabled: true, optional: false, require_client_auth: true },
} as const;

function stores(secret: string): object {
  const password = { name: keystorePassword.name, key: keystorePassword.keys[0] };
  return {
    keystoreSecretRef: { name: secret, key: 'keystore.jks' },
    keystorePasswordSecretRef: password,
    truststoreSecretRef: { name: secret, key: 'truststore.jks' },
    truststorePasswordSecretRef: password,
  };
}

function resources({ cpuMilli, memoryMb }: Ring): object {
  const amounts = { cpu: `${cpuMilli}m`, memory: `${memoryMb}Mi` };
  return { requests: amounts, limits: amounts };
}

function heap({ heapMb }: Ring): object {
  const size = `${heapMb}Mi`;
  return { heap_initial_size: size, heap_max_size: size, gc: 'G1GC' };
}

function storage({ storageGb, storageClass }: Ring): object {
  return {
    cassandraDataVolumeClaimSpec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClass !== undefined && { storageClassName: storageClass }),
      resources: { requests: { storage: `${storageGb}Gi` } },
    },
  };
}

/** A rack for each zone: replicas of one row lie in different racks, so the loss of a zone loses a minority. */
function dataCenter({ dataCenter: name, nodes, racks }: Ring): object {
  return {
    metadata: { name },
    size: nodes,
    ...(racks.length > 0 && {
      racks: racks.map(({ name: rack, zone }) => ({
        name: rack,
        nodeAffinityLabels: { 'topology.kubernetes.io/zone': zone },
      })),
    }),
  };
}

function medusa(backup: NonNullable<Ring['backup']>, clusterName: string): object {
  const { bucket, region, secret, clientCertificates, keepDays } = backup;
  return {
    storageProperties: {
      storageProvider: 's3',
      ...(secret === undefined ? { credentialsType: 'role-based' } : { storageSecretRef: { name: secret } }),
      bucketName: bucket,
      region,
      prefix: clusterName,
      maxBackupAge: keepDays,
      secure: true,
      sslVerify: true,
    },
    certificatesSecretRef: { name: clientCertificates },
    purgeBackups: true,
  };
}

function schedules(environment: KubernetesEnvironment, ring: Ring): readonly KubernetesObject[] {
  const { backup, namespace, dataCenter: cassandraDatacenter, clusterName } = ring;
  if (backup === undefined) return [];
  return [
    {
      apiVersion: 'medusa.k8ssandra.io/v1alpha1',
      kind: 'MedusaBackupSchedule',
      metadata: metadata(environment, 'cassandra', `${clusterName}-backup`, { namespace }),
      spec: {
        cronSchedule: backup.schedule,
        operationType: 'backup',
        // Files that an earlier backup has are not sent again.
        backupSpec: { backupType: 'differential', cassandraDatacenter },
      },
    },
  ];
}
