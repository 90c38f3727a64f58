/**
 * Who may talk to NATS and Cassandra: the nodes of Troupe, the servers among themselves, and Prometheus to what it
 * scrapes. The monitoring port of NATS (8222), which asks nobody for a login, is open to no pod at all.
 */
import type {
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicySpec,
} from 'kubernetes-types/networking/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type Component, type KubernetesObject, type Labels, metadata, selectorLabels } from './kubernetes-object.ts';
import { natsService, ports } from './names.ts';

/** As the charts and operators set them. */
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

/** Of the pods that the chart of NATS makes. */
export const natsPods = {
  'app.kubernetes.io/name': 'nats',
  'app.kubernetes.io/instance': natsService,
  'app.kubernetes.io/component': 'nats',
} as const satisfies Labels;

/** As K8ssandra labels the pods that repair. */
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

/** Makes the policies of one namespace; a name says the edge. */
function policiesOf(environment: KubernetesEnvironment, component: Component, namespace: string) {
  return (name: string, spec: NetworkPolicySpec): KubernetesObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(environment, component, name, { namespace }),
    spec,
  });
}

/** Nothing comes in that is not named; what goes out of servers is answers, backups and each other. */
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
    // What goes out: backups to a bucket, the operator's API; a policy cannot name either.
    policy('default-deny', defaultDeny('Ingress')),
    ingress('troupe-to-cassandra', nodes, ports.cassandra),
    ingress('ring-to-ring', [pods(ring)], cassandraInternode, cassandraInternodeTls, ports.cassandra, medusa),
    // The operator starts, stops and repairs by the management API beside each Cassandra.
    ingress('operator-to-cassandra', [operator], cassandraManagement, medusa),
    // Reaper, which repairs, is a pod of this namespace.
    ingress('reaper-to-cassandra', [pods(reaperPods)], ports.cassandra, cassandraManagement),
    ingress('prometheus-to-cassandra', [namespacePeer(network.prometheusNamespace)], cassandraMetrics),
    policy('operator-to-reaper', {
      podSelector: { matchLabels: reaperPods },
      policyTypes: ['Ingress'],
      ingress: [rule([operator], backingPorts.reaper)],
    }),
  ];
}
