/** The route from outside: a GRPCRoute of the Gateway API, and how the edge verifies the certificate of the pods. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type KubernetesObject, metadata } from './kubernetes-object.ts';
import { gatewayServices, ports } from './names.ts';

const component = 'gateway';

/** Returns no objects if the environment has no `route`. */
export function gatewayRoute(environment: KubernetesEnvironment, name: string): readonly KubernetesObject[] {
  const { route, rollout, tls } = environment.gateway;
  if (route === undefined) return [];
  const { gateway, gatewayNamespace, hostname, caConfigMap } = route;
  const canary = rollout.kind === 'canary';
  // With a canary these are only the initial weights, which Argo Rollouts changes (stacks/app.ts).
  const backends = canary
    ? [
        { name: gatewayServices.virtual, port: ports.grpc, weight: 100 },
        { name: gatewayServices.canary, port: ports.grpc, weight: 0 },
      ]
    : [{ name: gatewayServices.virtual, port: ports.grpc }];
  const grpcRoute: KubernetesObject = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: metadata(environment, component, name),
    spec: {
      parentRefs: [{ name: gateway, namespace: gatewayNamespace }],
      hostnames: [hostname],
      rules: [{ backendRefs: backends }],
    },
  };
  if (tls === 'mesh') return [grpcRoute];
  const backendTls: KubernetesObject = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: metadata(environment, component, name),
    spec: {
      targetRefs: [gatewayServices.virtual, ...(canary ? [gatewayServices.canary] : [])].map((service) => ({
        group: '',
        kind: 'Service',
        name: service,
      })),
      validation: { hostname, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: caConfigMap }] },
    },
  };
  return [grpcRoute, backendTls];
}
