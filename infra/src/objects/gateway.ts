/** The gateways: stateless, behind Services, scaled by CPU. */
import type { DeploymentSpec } from 'kubernetes-types/apps/v1.d.ts';
import type { ServiceSpec } from 'kubernetes-types/core/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { fingerprint } from '../lib/fingerprint.ts';
import { configMap, gatewaySettings } from './configuration.ts';
import { gatewayRoute } from './gateway-route.ts';
import { type KubernetesObject, metadata, selectorLabels } from './kubernetes-object.ts';
import { lifetimeOf } from './lifetime.ts';
import {
  cassandraProjections,
  clientAuthorities,
  encryptionProjections,
  objectsProjections,
  configProjection,
  followerProjections,
  gatewayTlsProjection,
  natsProjections,
  operatorTokenProjection,
} from './mounts.ts';
import { gatewayServices, ports } from './names.ts';
import { livenessProbe, type PodParts, podTemplate, readinessProbe, startupProbe } from './pods.ts';
import { canaryRollout } from './rollouts.ts';
import { cpuAutoscaler } from './scaling.ts';
import { disruptionBudget, priorityClassName, serviceAccount } from './workload.ts';

const component = 'gateway';
const name = 'troupe-gateway';

/** True if KEDA asks the gateways for the demand. */
export function answersKeda({ workers }: KubernetesEnvironment): boolean {
  return workers.some(({ scaling }) => scaling.kind === 'keda');
}

/** True if clients may show certificates, on a port of their own. */
export function takesCertificates({ gateway }: KubernetesEnvironment): boolean {
  return gateway.access.kind === 'certificates';
}

export function gatewayObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { replicas, targetCpuPercent, rollout } = environment.gateway;
  const lifetime = lifetimeOf(environment.gateway.drainSeconds, { served: true });
  const settings = configMap(
    environment,
    component,
    name,
    gatewaySettings(environment, lifetime.graceMs, answersKeda(environment)),
  );
  const parts = podParts(environment, { lifetime, fingerprint: fingerprint(settings.data) });
  const workload = rollout.kind === 'canary' ? canaryRollout(environment, name, parts) : deployment(environment, parts);
  return [
    serviceAccount(environment, component, name),
    settings,
    ...services(environment),
    disruptionBudget(environment, component, { name, selector: parts.selector, maxUnavailable: 1 }),
    workload,
    cpuAutoscaler(environment, { component, name, target: workload, ...replicas, targetCpuPercent }),
    ...gatewayRoute(environment, name),
  ];
}

function deployment(environment: KubernetesEnvironment, parts: PodParts): KubernetesObject {
  const spec: DeploymentSpec = {
    selector: { matchLabels: { ...parts.selector } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    minReadySeconds: 5,
    revisionHistoryLimit: 5,
    template: podTemplate(environment, parts),
  };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(environment, component, name), spec };
}

function podParts(
  environment: KubernetesEnvironment,
  { lifetime, fingerprint }: Pick<PodParts, 'lifetime' | 'fingerprint'>,
): PodParts {
  const { gateway, image } = environment;
  const { cpuMilli, memoryMb } = gateway;
  return {
    component,
    name,
    image,
    command: 'serve',
    role: 'gateway',
    labels: {},
    selector: selectorLabels(environment, component),
    fingerprint,
    files: [
      configProjection(name),
      ...natsProjections('gateway'),
      ...cassandraProjections(environment, 'gateway'),
      ...objectsProjections(environment),
      ...(gateway.tls === 'certificate' ? [gatewayTlsProjection()] : []),
      operatorTokenProjection(),
      ...clientAuthorities(environment),
      ...encryptionProjections(environment),
      ...followerProjections(environment),
    ],
    ports: {
      grpc: ports.grpc,
      ...(takesCertificates(environment) && { certificates: ports.certificates }),
      ...(gateway.web !== undefined && { web: ports.web }),
      http: ports.http,
      ...(answersKeda(environment) && { scaler: ports.scaler }),
    },
    probes: { startupProbe, livenessProbe, readinessProbe: readiness(environment) },
    resources: { cpuMilli, memoryMb },
    lifetime,
    priorityClassName: priorityClassName(environment, 'gateway'),
    placement: gateway,
    revisionLabel: gateway.rollout.kind === 'canary' ? 'rollouts-pod-template-hash' : 'pod-template-hash',
  };
}

/** Without TLS the kubelet probes grpc.health.v1. It cannot probe a gRPC server that uses TLS. */
function readiness({ gateway }: KubernetesEnvironment): typeof readinessProbe {
  switch (gateway.tls) {
    case 'certificate':
      return readinessProbe;
    case 'mesh':
      return { grpc: { port: ports.grpc, service: 'troupe.v1.Jobs' }, periodSeconds: 5, failureThreshold: 2 };
  }
}

/**
 * A gRPC connection stays with one pod. So clients inside the cluster use the headless name with `round_robin`, and
 * clients outside use a route. The virtual address is for tools.
 */
function services(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { tls, rollout, web } = environment.gateway;
  const grpc = {
    name: 'grpc',
    port: ports.grpc,
    targetPort: 'grpc',
    protocol: 'TCP' as const,
    ...(tls === 'mesh' && { appProtocol: 'kubernetes.io/h2c' }),
  };
  const certificates = takesCertificates(environment)
    ? [{ name: 'certificates', port: ports.certificates, targetPort: 'certificates', protocol: 'TCP' as const }]
    : [];
  const browsers =
    web === undefined ? [] : [{ name: 'web', port: ports.web, targetPort: 'web', protocol: 'TCP' as const }];
  const scaler = { name: 'scaler', port: ports.scaler, targetPort: 'scaler', protocol: 'TCP' as const };
  const selector = { ...selectorLabels(environment, component) };
  const service = (serviceName: string, spec: ServiceSpec): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(environment, component, serviceName),
    spec,
  });
  return [
    service(gatewayServices.virtual, { type: 'ClusterIP', selector, ports: [grpc, ...certificates, ...browsers] }),
    service(gatewayServices.headless, {
      type: 'ClusterIP',
      clusterIP: 'None',
      selector,
      ports: [grpc, ...certificates],
    }),
    ...(rollout.kind === 'canary'
      ? [service(gatewayServices.canary, { type: 'ClusterIP', selector, ports: [grpc] })]
      : []),
    ...(answersKeda(environment)
      ? [service(gatewayServices.scaler, { type: 'ClusterIP', selector, ports: [scaler] })]
      : []),
  ];
}
