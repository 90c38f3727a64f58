/**
 * The NATS of an environment: values for the official chart. Troupe creates streams and buckets itself. This file
 * declares servers, disks, accounts, certificates, and who may reach which port.
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { natsSyncIntervalMs } from '../config/messaging.ts';
import type { Chart } from '../lib/helm-release.ts';
import { natsBackingPolicies } from './backing-network.ts';
import { natsCertificates, natsServerTls } from './certificates.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { natsRoles, natsService } from './names.ts';
import { natsAccounts, natsPasswordVariable } from './nats-accounts.ts';
import { systemPasswordVariable } from './nats-followers.ts';
import { natsPasswords, natsSecrets, systemPasswordKey } from './secrets.ts';

/** Objects that the chart does not create. */
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

/** User id of the image, which owns the files of JetStream. */
const userId = 1_000;
/** Above this share of the container's limit, the Go runtime collects garbage more eagerly. */
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
  // Every client and server must present a certificate of the same authority.
  const tls = { enabled: true, secretName: natsServerTls, merge: { verify: true, timeout: 5 } };
  return {
    cluster: { enabled: servers > 1, replicas: servers, tls },
    jetstream: {
      enabled: true,
      fileStore: {
        // Less than the disk, so that JetStream refuses a full stream before the file system does.
        maxSize: `${Math.floor(storageGb * usableShare)}Gi`,
        pvc: { enabled: true, size: `${storageGb}Gi`, ...(storageClass && { storageClassName: storageClass }) },
      },
      memoryStore: { enabled: false },
      // Shards get the same value, because they publish again what a power cut may have removed within this interval.
      merge: { sync_interval: `<< ${natsSyncIntervalMs}ms >>` },
    },
    nats: { tls },
    // This port requires no login. No policy opens it, so only the exporter in the same pod reaches it.
    monitor: { enabled: true },
    merge: {
      ...natsAccounts(messaging.eventStreams, messaging.followers),
      max_payload: '<< 1MB >>',
      write_deadline: '<< 10s >>',
    },
  };
}

function serverContainer({ serverVersion, cpuMilli, memoryMb, followers }: Cluster): object {
  const amounts = { cpu: `${cpuMilli}m`, memory: `${memoryMb}Mi` };
  const variables: readonly (readonly [string, string])[] = [
    ...natsRoles.map((role) => [natsPasswordVariable(role), role] as const),
    ...(followers === undefined ? [] : [[systemPasswordVariable, systemPasswordKey] as const]),
  ];
  const passwords = variables.map(([variable, key]): [string, object] => {
    return [variable, { valueFrom: { secretKeyRef: { name: natsPasswords.name, key } } }];
  });
  return {
    image: { tag: `${serverVersion}-alpine` },
    env: { GOMEMLIMIT: `${Math.floor(memoryMb * softMemoryShare)}MiB`, ...Object.fromEntries(passwords) },
    merge: { resources: { requests: amounts, limits: amounts }, securityContext: restricted },
  };
}

/**
 * Two servers on one machine would fail together, and the majority with them. So they are spread over machines. A
 * server drains for 30 s (lame duck mode) before it exits, so that its clients have moved by then. The chart allows 60
 * s.
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
