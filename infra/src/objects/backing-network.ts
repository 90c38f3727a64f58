/**
 * Network policies of NATS and Cassandra. Access is limited to the nodes of Troupe, the servers among themselves, and
 * Prometheus for metrics. The monitoring port of NATS (8222) requires no login, so no pod may reach it.
 */
import type {
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicySpec,
} from 'kubernetes-types/networking/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type Component, type KubernetesObject, type Labels, metadata, selectorLabels } from './kubernetes-object.ts';
import { natsService, ports } from './names.ts';
import { peerOf } from './peers.ts';

/** Ports as set by the charts and operators. */
const backingPorts = {
  natsRoutes: 6_222,
  natsMetrics: 7_777,
  cassandraInternode: 7_000,
  cassandraInternodeTls: 7_001,
  cassandraManagement: 8_080,
  cassandraMetrics: 9_000,
  medusa: 50_051,
  reaper: 8_080,
} as const;

/** Labels of the pods that the NATS chart creates. */
export const natsPods = {
  'app.kubernetes.io/name': 'nats',
  'app.kubernetes.io/instance': natsService,
  'app.kubernetes.io/component': 'nats',
} as const satisfies Labels;

/** Labels of K8ssandra's pods for repairs. */
const reaperPods = { 'app.kubernetes.io/component': 'reaper' };

function namespacePeer(namespace: string): NetworkPolicyPeer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
}

function pods(labels: Labels): NetworkPolicyPeer {
  return { podSelector: { matchLabels: { ...labels } } };
}

function troupePods(environment: KubernetesEnvironment, component: Component): NetworkPolicyPeer {
  return { ...namespacePeer(environment.namespace), ...pods(selectorLabels(environment, component)) };
}

function rule(from: readonly NetworkPolicyPeer[], ...allowed: readonly number[]): NetworkPolicyIngressRule {
  return { from: [...from], ports: allowed.map((port) => ({ protocol: 'TCP', port })) };
}

/**
 * Returns a function that creates the policies of one namespace. The name of a policy describes the connection it
 * permits.
 */
function policiesOf(environment: KubernetesEnvironment, component: Component, namespace: string) {
  return (name: string, spec: NetworkPolicySpec): KubernetesObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(environment, component, name, { namespace }),
    spec,
  });
}

/**
 * Denies all ingress that no other policy permits. The servers need egress only for answers, backups and traffic among
 * themselves.
 */
const defaultDeny = (...types: readonly string[]): NetworkPolicySpec => ({ podSelector: {}, policyTypes: [...types] });

export function natsBackingPolicies(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { messaging, network } = environment;
  if (messaging.kind === 'external') return [];
  const policy = policiesOf(environment, 'nats', messaging.namespace);
  const podSelector = { matchLabels: { ...natsPods } };
  const ingress = (name: string, ...rules: readonly NetworkPolicyIngressRule[]) =>
    policy(name, { podSelector, policyTypes: ['Ingress'], ingress: [...rules] });
  const nodes = (['gateway', 'shards', 'workers'] as const).map((component) => troupePods(environment, component));
  const dnsPorts = (['UDP', 'TCP'] as const).map((protocol) => ({ protocol, port: ports.dns }));
  return [
    policy('default-deny', defaultDeny('Ingress', 'Egress')),
    ingress('troupe-to-nats', rule(nodes, ports.nats)),
    ...(messaging.followers === undefined
      ? []
      : [ingress('followers-to-nats', rule(messaging.followers.peers.map(peerOf), ports.nats))]),
    ingress('nats-to-nats', rule([pods(natsPods)], backingPorts.natsRoutes)),
    ingress('prometheus-to-nats', rule([namespacePeer(network.prometheusNamespace)], backingPorts.natsMetrics)),
    policy('nats-from-nats', {
      podSelector,
      policyTypes: ['Egress'],
      egress: [
        { to: [pods(natsPods)], ports: [{ protocol: 'TCP', port: backingPorts.natsRoutes }] },
        { ports: dnsPorts },
      ],
    }),
  ];
}

export function cassandraBackingPolicies(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { data, network, platform } = environment;
  if (data.kind === 'external') return [];
  const policy = policiesOf(environment, 'cassandra', data.namespace);
  const ring = { 'cassandra.datastax.com/cluster': data.clusterName };
  const ingress = (name: string, from: readonly NetworkPolicyPeer[], ...allowed: readonly number[]) =>
    policy(name, {
      podSelector: { matchLabels: ring },
      policyTypes: ['Ingress'],
      ingress: [rule(from, ...allowed)],
    });
  const { cassandraInternode, cassandraInternodeTls, cassandraManagement, cassandraMetrics, medusa } = backingPorts;
  const nodes = (['gateway', 'shards', 'workers', 'migrate'] as const).map((component) =>
    troupePods(environment, component),
  );
  const operator = namespacePeer(
    platform.k8ssandra === 'present' ? 'k8ssandra-operator' : platform.k8ssandra.namespace,
  );
  return [
    // Egress stays open, because backups go to a bucket and calls go to the Kubernetes API, and a policy can name
    // neither.
    policy('default-deny', defaultDeny('Ingress')),
    ingress('troupe-to-cassandra', nodes, ports.cassandra),
    ingress('ring-to-ring', [pods(ring)], cassandraInternode, cassandraInternodeTls, ports.cassandra, medusa),
    // The operator starts, stops and repairs each Cassandra through the management API beside it.
    ingress('operator-to-cassandra', [operator], cassandraManagement, medusa),
    // Reaper, which runs repairs, is a pod in this namespace.
    ingress('reaper-to-cassandra', [pods(reaperPods)], ports.cassandra, cassandraManagement),
    ingress('prometheus-to-cassandra', [namespacePeer(network.prometheusNamespace)], cassandraMetrics),
    policy('operator-to-reaper', {
      podSelector: { matchLabels: reaperPods },
      policyTypes: ['Ingress'],
      ingress: [rule([operator], backingPorts.reaper)],
    }),
  ];
}
