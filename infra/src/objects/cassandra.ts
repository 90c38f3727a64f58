/**
 * The Cassandra ring as a K8ssandraCluster. It sets only what Troupe's writes need (docs/adr/0002), encryption, backups
 * by Medusa and repairs by Reaper. Everything else is K8ssandra's default.
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

/** Objects that terraform must never destroy, because their volumes would be deleted with them. */
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
        config: { cassandraYaml: { ...cassandraYaml, ...guardrails(ring) }, jvmOptions: heap(ring) },
        storageConfig: storage(ring),
        datacenters: [dataCenter(ring)],
      },
      // Repairs each range well before deleted data could reappear (gc_grace_seconds, 10 days).
      reaper: { autoScheduling: { enabled: true, repairType: 'AUTO' }, httpManagement: { enabled: true } },
      ...(ring.backup !== undefined && { medusa: medusa(ring.backup, clusterName) }),
    },
  };
}

/**
 * A shard waits for two things per commit: one round trip of the conditional write (Paxos v2), and one sync of the
 * commit log, which covers the commits of 5 ms. A commit is never acknowledged before it is on disk. If a disk refuses
 * writes, the server exits (`die`) and is restarted. By default it would stay up without serving.
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

/** Whoever may delete rows could truncate, too. Troupe does not, and superusers may all the same. */
function guardrails({ logins }: Ring): object {
  return logins === 'component' ? { drop_truncate_table_enabled: false } : {};
}

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

/**
 * One rack per zone. Replicas of a row are placed in different racks, so the loss of a zone is the loss of a minority.
 */
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
        // Files that an earlier backup contains are not sent again.
        backupSpec: { backupType: 'differential', cassandraDatacenter },
      },
    },
  ];
}
