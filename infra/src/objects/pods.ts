/**
 * The pod of a workload. It meets the restricted Pod Security Standard, and its root file system is read-only (it
 * writes only to its data folder and /tmp). It has no Kubernetes token by default. Configuration and Secrets are in one
 * folder. The name of the pod is the id of the node.
 */
import type {
  Container,
  EnvVar,
  PodSpec,
  PodTemplateSpec,
  Probe,
  Volume,
  VolumeProjection,
} from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { Image } from '../config/primitives.ts';
import type { GatewayConfig } from '../config/workloads.ts';
import { type Component, type Labels, standardLabels } from './kubernetes-object.ts';
import type { Lifetime } from './lifetime.ts';
import { configFile, dataFolder, handlerSecretsFolder, mountFolder, scratchFolder } from './mounts.ts';
import { natsLoginSecrets, type NatsRole, secretNames } from './names.ts';

/** User id of the image (`node`). */
const userId = 1_000;

export interface PodParts {
  readonly component: Component;
  /** Name of the container and of the service account. */
  readonly name: string;
  readonly image: Image;
  readonly command: 'serve' | 'migrate';
  /** Labels in addition to those of the selector. */
  readonly labels: Labels;
  readonly selector: Labels;
  /** Changes if the pod must be replaced although its template is the same. */
  readonly fingerprint: string;
  readonly files: readonly VolumeProjection[];
  /** Size of the scratch folder. Absent: the pod has none. */
  readonly scratchGb?: number;
  /** The NATS role. Absent for a pod that does not use NATS. */
  readonly role?: NatsRole;
  readonly env?: readonly EnvVar[];
  readonly ports?: Readonly<Record<string, number>>;
  readonly probes?: Pick<Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'>;
  /** Request and limit. */
  readonly resources: { readonly cpuMilli: number; readonly memoryMb: number };
  readonly lifetime: Lifetime;
  readonly priorityClassName: string;
  readonly placement: Pick<GatewayConfig, 'nodeSelector' | 'tolerations' | 'zoneSpread'>;
  /** The label of a revision. The pods of each revision are spread separately. */
  readonly revisionLabel: 'pod-template-hash' | 'rollouts-pod-template-hash';
  readonly handlerSecrets?: readonly string[];
  /** Mount a token for the Kubernetes API. Default: false. */
  readonly apiToken?: boolean;
}

export function imageName({ repository, tag, digest }: Image): string {
  return digest === undefined ? `${repository}:${tag ?? ''}` : `${repository}@${digest}`;
}

/**
 * `/healthz` answers as long as the process runs. `/readyz` succeeds if NATS and the store answer and the node does not
 * drain.
 */
export function httpProbe(path: '/healthz' | '/readyz', timing: Probe): Probe {
  return { httpGet: { path, port: 'http' }, ...timing };
}

/** Allows five minutes for loading handlers and opening shards. */
export const startupProbe: Probe = httpProbe('/healthz', { periodSeconds: 5, failureThreshold: 60, timeoutSeconds: 3 });
/** Restarts the container after a minute without an answer. */
export const livenessProbe: Probe = httpProbe('/healthz', {
  periodSeconds: 10,
  failureThreshold: 6,
  timeoutSeconds: 5,
});
export const readinessProbe: Probe = httpProbe('/readyz', { periodSeconds: 5, failureThreshold: 2, timeoutSeconds: 3 });

export function podTemplate(environment: KubernetesEnvironment, parts: PodParts): PodTemplateSpec {
  return {
    metadata: {
      labels: { ...parts.labels, ...standardLabels(environment, parts.component), ...parts.selector },
      annotations: { 'troupe.dev/fingerprint': parts.fingerprint },
    },
    spec: podSpec(environment, parts),
  };
}

function podSpec(environment: KubernetesEnvironment, parts: PodParts): PodSpec {
  const { nodeSelector, tolerations } = parts.placement;
  return {
    serviceAccountName: parts.name,
    automountServiceAccountToken: false,
    // Variables of Services would be mistaken for configuration.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: parts.lifetime.terminationGracePeriodSeconds,
    priorityClassName: parts.priorityClassName,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    topologySpreadConstraints: spread(parts),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
    ...(tolerations.length > 0 && { tolerations: tolerations.map(withoutUndefined) }),
    ...(environment.imagePullSecrets.length > 0 && {
      imagePullSecrets: environment.imagePullSecrets.map((name) => ({ name })),
    }),
    containers: [container(environment, parts)],
    volumes: volumes(parts),
  };
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return JSON.parse(JSON.stringify(value)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function container(environment: KubernetesEnvironment, parts: PodParts): Container {
  const { cpuMilli, memoryMb } = parts.resources;
  const amounts = { cpu: quantityOfCpu(cpuMilli), memory: `${memoryMb}Mi` };
  return {
    name: 'troupe',
    image: imageName(parts.image),
    imagePullPolicy: 'IfNotPresent',
    args: [parts.command, '--config', `${mountFolder}/${configFile}`],
    env: [...identity(environment, parts.role), ...(parts.env ?? [])],
    ...(parts.ports && {
      ports: Object.entries(parts.ports).map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    }),
    ...parts.probes,
    ...(parts.lifetime.preStopSeconds > 0 && {
      lifecycle: { preStop: { sleep: { seconds: parts.lifetime.preStopSeconds } } },
    }),
    resources: { requests: amounts, limits: amounts },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'configuration', mountPath: mountFolder, readOnly: true },
      { name: 'data', mountPath: dataFolder },
      { name: 'tmp', mountPath: '/tmp' },
      ...(hasScratch(parts) ? [{ name: 'scratch', mountPath: scratchFolder }] : []),
      ...(parts.handlerSecrets ?? []).map((name) => ({
        name: `secret-${name}`,
        mountPath: `${handlerSecretsFolder}/${name}`,
        readOnly: true,
      })),
      ...(parts.apiToken === true ? [{ name: 'api-token', mountPath: apiTokenFolder, readOnly: true }] : []),
    ],
  };
}

function hasScratch({ scratchGb = 0 }: Pick<PodParts, 'scratchGb'>): boolean {
  return scratchGb > 0;
}

/** Formats CPU as Kubernetes does, so that it detects no difference. */
export function quantityOfCpu(milli: number): string {
  return milli % 1_000 === 0 ? String(milli / 1_000) : `${milli}m`;
}

const storeLogin: EnvVar = {
  name: 'TROUPE_STORE_CASSANDRA_USER',
  valueFrom: { secretKeyRef: { name: secretNames.cassandraLogin.name, key: 'username' } },
};

function identity({ objects, data }: KubernetesEnvironment, role: NatsRole | undefined): EnvVar[] {
  if (role === undefined) return [storeLogin];
  return [
    { name: 'TROUPE_NODE_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    { name: 'TROUPE_NATS_USER', valueFrom: { secretKeyRef: { name: natsLoginSecrets[role].name, key: 'user' } } },
    ...(data.logins === 'shared' ? [storeLogin] : []),
    ...(objects?.credentials === 'secret' ? [objectsKey] : []),
  ];
}

const objectsKey: EnvVar = {
  name: 'TROUPE_OBJECTS_S3_ACCESS_KEY_ID',
  valueFrom: { secretKeyRef: { name: secretNames.objects.name, key: 'access-key-id' } },
};

/** The usual path of the token. Only pods with `apiToken` have it. */
const apiTokenFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const apiToken: Volume = {
  name: 'api-token',
  projected: {
    defaultMode: 0o440,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3_600 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};

function volumes({ files, handlerSecrets = [], ...parts }: PodParts): Volume[] {
  return [
    { name: 'configuration', projected: { defaultMode: 0o440, sources: [...files] } },
    { name: 'data', emptyDir: { sizeLimit: '64Mi' } },
    { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
    ...(hasScratch(parts) ? [{ name: 'scratch', emptyDir: { sizeLimit: `${parts.scratchGb}Gi` } }] : []),
    ...handlerSecrets.map((name) => ({
      name: `secret-${name}`,
      secret: { secretName: name, defaultMode: 0o440 },
    })),
    ...(parts.apiToken === true ? [apiToken] : []),
  ];
}

/** Spreads pods over zones, then over machines. A zone whose machines are all tainted (a lost zone) does not count. */
function spread({ selector, revisionLabel, placement }: PodParts): NonNullable<PodSpec['topologySpreadConstraints']> {
  const common = { maxSkew: 1, labelSelector: { matchLabels: { ...selector } }, matchLabelKeys: [revisionLabel] };
  return [
    {
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: placement.zoneSpread === 'require' ? 'DoNotSchedule' : 'ScheduleAnyway',
      nodeTaintsPolicy: 'Honor',
      ...common,
    },
    { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', ...common },
  ];
}
