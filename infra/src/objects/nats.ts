/**
 * The NATS of an environment: values for the chart of its makers. Streams and buckets are Troupe's own; what is declared
 * here are servers, disks, accounts, certificates, and who reaches which port.
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { natsSyncIntervalMs } from '../config/messaging.ts';
import type { Chart } from '../lib/helm-release.ts';
import { natsBackingPolicies } from './backing-network.ts';
import { natsCertificates, natsServerTls } from './certificates.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { natsRoles, natsService } from './names.ts';
import { natsAccounts, natsPasswordVariable } from './nats-accounts.ts';
import { natsPasswords, natsSecrets } from './secrets.ts';

/** What the chart does not make. */
export function messagingObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return [...natsBackingPolicies(environment), ...natsSecrets(environment), ...natsCertificates(environment)];
}

export function natsChart(environment: KubernetesEnvironment): Chart | undefined {
  const { messaging } = environment;
  if (messaging.kind === 'external') return undefined;
  return {
    name: natsService,
    namespace: messaging.namespace,
    repository: 'https://nats-io.github.io/k8s/helm/charts/',
    chart: 'nats',
    version: messaging.chartVersion,
    values: natsValues(messaging),
  };
}

type Cluster = Extract<KubernetesEnvironment['messaging'], { kind: 'cluster' }>;

/** Of the image; owns the files of JetStream. */
const userId = 1_000;
/** The Go runtime collects more eagerly from here on, short of the limit of the container. */
const softMemoryShare = 0.8;
const usableShare = 0.9;

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

const small = { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '200m', memory: '64Mi' } } as const;

export function natsValues(messaging: Cluster): Chart['values'] {
  return {
    fullnameOverride: natsService,
    tlsCA: { enabled: true, secretName: natsServerTls },
    config: serverConfig(messaging),
    container: serverContainer(messaging),
    reloader: { enabled: true, merge: { resources: small, securityContext: restricted } },
    promExporter: { enabled: true, merge: { resources: small, securityContext: restricted } },
    podTemplate: podTemplate(),
    podDisruptionBudget: { enabled: true },
    natsBox: { enabled: false },
  };
}

function serverConfig(messaging: Cluster): object {
  const { servers, storageGb, storageClass } = messaging;
  // Whoever connects, node or server, shows a certificate of the same authority.
  const tls = { enabled: true, secretName: natsServerTls, merge: { verify: true, timeout: 5 } };
  return {
    cluster: { enabled: servers > 1, replicas: servers, tls },
    jetstream: {
      enabled: true,
      fileStore: {
        // Short of the disk, so that a full stream is refused by JetStream and not by the file system.
        maxSize: `${Math.floor(storageGb * usableShare)}Gi`,
        pvc: { enabled: true, size: `${storageGb}Gi`, ...(storageClass && { storageClassName: storageClass }) },
      },
      memoryStore: { enabled: false },
      // As shards are told: what a power cut takes is told again from then on.
      merge: { sync_interval: `<< ${natsSyncIntervalMs}ms >>` },
    },
    nats: { tls },
    // Without any login: no policy lets others than the exporter beside it reach it.
    monitor: { enabled: true },
    merge: { accounts: natsAccounts(), max_payload: '<< 1MB >>', write_deadline: '<< 10s >>' },
  };
}

function serverContainer({ serverVersion, cpuMilli, memoryMb }: Cluster): object {
  const amounts = { cpu: `${cpuMilli}m`, memory: `${memoryMb}Mi` };
  const passwords = natsRoles.map((role): [string, object] => {
    return [natsPasswordVariable(role), { valueFrom: { secretKeyRef: { name: natsPasswords.name, key: role } } }];
  });
  return {
    image: { tag: `${serverVersion}-alpine` },
    env: { GOMEMLIMIT: `${Math.floor(memoryMb * softMemoryShare)}MiB`, ...Object.fromEntries(passwords) },
    merge: { resources: { requests: amounts, limits: amounts }, securityContext: restricted },
  };
}

/**
 * Two servers on one machine would fall together, and with them the majority. A server drains for 30 s (lame duck) before
 * it ends, so that its clients are elsewhere by then; the chart gives it 60 s.
 */
function podTemplate(): object {
  return {
    topologySpreadConstraints: {
      'kubernetes.io/hostname': { maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
      'topology.kubernetes.io/zone': { maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' },
    },
    merge: {
      spec: {
        automountServiceAccountToken: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: userId,
          runAsGroup: userId,
          fsGroup: userId,
          fsGroupChangePolicy: 'OnRootMismatch',
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    },
  };
}
