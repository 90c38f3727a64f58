/**
 * Network policies: deny everything, then one policy per permitted connection. Probes come from the pod's machine,
 * which policies do not block. Nodes of Troupe communicate through NATS only.
 */
import type {
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from 'kubernetes-types/networking/v1.d.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { NetworkConfig } from '../config/network.ts';
import { issuersOf } from '../config/gateway-access.ts';
import type { ObjectsConfig } from '../config/objects.ts';
import type { EncryptionConfig } from '../config/payload-keys.ts';
import type { WorkerClassConfig } from '../config/workloads.ts';
import { answersKeda, takesCertificates } from './gateway.ts';
import { peerOf } from './peers.ts';
import {
  type Component,
  type KubernetesObject,
  type Labels,
  metadata,
  selectorLabels,
  workerClassLabel,
} from './kubernetes-object.ts';
import { cassandraContactPoints, natsServers, ports } from './names.ts';

type Workload = Extract<Component, 'gateway' | 'shards' | 'workers' | 'migrate'>;

export function networkObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { network, objects, gateway } = environment;
  const policy = (component: Component, name: string, spec: NetworkPolicySpec): KubernetesObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(environment, component, name),
    spec,
  });
  const egress = (component: Workload, to: string, rule: NetworkPolicyEgressRule, labels: Labels = {}) =>
    policy(component, `${component}-to-${to}`, {
      podSelector: { matchLabels: { ...selectorLabels(environment, component), ...labels } },
      policyTypes: ['Egress'],
      egress: [rule],
    });
  const ingress = (component: Workload, name: string, rule: NetworkPolicyIngressRule) =>
    policy(component, name, {
      podSelector: { matchLabels: { ...selectorLabels(environment, component) } },
      policyTypes: ['Ingress'],
      ingress: [rule],
    });
  const withIssuers = issuersOf(gateway.access);
  const nodes = ['gateway', 'shards', 'workers'] as const;
  const allPods = [...nodes, 'migrate'] as const;
  const prometheus = [namespacePeer(network.prometheusNamespace)];
  return [
    policy('platform', 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    ...allPods.map((component) => egress(component, 'dns', { to: network.dns.map(peerOf), ports: dnsPorts })),
    ...nodes.map((component) => egress(component, 'nats', natsRule(environment))),
    ...allPods.map((component) => egress(component, 'cassandra', cassandraRule(environment))),
    ...(objects === undefined ? [] : nodes.map((component) => egress(component, 'objects', objectsRule(objects)))),
    ...withPodIdentity(environment).map((component) => egress(component, 'pod-identity', podIdentityRule)),
    ...(withIssuers.issuers.length > 0 ? [egress('gateway', 'issuers', issuersRule(withIssuers))] : []),
    ...keyEdges(environment.encryption, egress),
    ingress('gateway', 'clients-to-gateway', {
      from: clients(environment),
      ports: [
        tcp(ports.grpc),
        ...(takesCertificates(environment) ? [tcp(ports.certificates)] : []),
        ...(environment.gateway.web === undefined ? [] : [tcp(ports.web)]),
      ],
    }),
    ...(answersKeda(environment)
      ? [
          ingress('gateway', 'keda-to-gateway', {
            from: [namespacePeer(network.kedaNamespace)],
            ports: [tcp(ports.scaler)],
          }),
        ]
      : []),
    ...nodes.map((component) =>
      ingress(component, `prometheus-to-${component}`, { from: prometheus, ports: [tcp(ports.http)] }),
    ),
    ...environment.workers.flatMap((workers) => {
      const ofClass = { [workerClassLabel]: workers.name };
      return edgesOf(workers, network).map(({ name, to, ports: allowed }) =>
        egress('workers', `${name}-from-${workers.name}`, { to: to.map(peerOf), ports: allowed.map(tcp) }, ofClass),
      );
    }),
  ];
}

/** Connections of a class beyond those of every worker. */
function edgesOf(
  { egress, podDeletionCost }: WorkerClassConfig,
  { kubernetesApi }: NetworkConfig,
): readonly WorkerClassConfig['egress'][number][] {
  if (!podDeletionCost || kubernetesApi === undefined) return egress;
  return [...egress, { name: 'kubernetes-api', ...kubernetesApi }];
}

const dnsPorts: NetworkPolicyPort[] = [
  { protocol: 'UDP', port: ports.dns },
  { protocol: 'TCP', port: ports.dns },
];

function tcp(port: number): NetworkPolicyPort {
  return { protocol: 'TCP', port };
}

function namespacePeer(namespace: string): NetworkPolicyPeer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
}

/** Peers that may call the gateways. With a route, the namespace of its gateway is added. */
function clients({ network, gateway }: KubernetesEnvironment): NetworkPolicyPeer[] {
  const configured = network.clients.map(peerOf);
  return gateway.route === undefined ? configured : [...configured, namespacePeer(gateway.route.gatewayNamespace)];
}

/** A policy cannot name hosts. So for servers that are run elsewhere, it opens their ports to any address. */
function portsOf(servers: readonly string[]): NetworkPolicyPort[] {
  const numbers = servers.map((server) => Number(server.slice(server.lastIndexOf(':') + 1)));
  return [...new Set(numbers)].map(tcp);
}

/** A policy cannot name hosts, so without peers the port of the bucket's server is open to any address. */
function objectsRule({ endpoint = 'https://aws', to }: ObjectsConfig): NetworkPolicyEgressRule {
  const { port, protocol } = new URL(endpoint);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return { ports: [tcp(number)], ...(to && { to: to.map(peerOf) }) };
}

/** The keys of issuers come by HTTPS. As with the bucket, without peers the ports are open to any address. */
function issuersRule({ issuers, to }: ReturnType<typeof issuersOf>): NetworkPolicyEgressRule {
  const numbers = issuers.flatMap(({ issuer, keysUrl }) => [issuer, keysUrl ?? issuer]).map((url) => new URL(url).port);
  const distinct = new Set(numbers.map((number) => Number(number || 443)));
  return { ports: [...distinct].map(tcp), ...(to && { to: to.map(peerOf) }) };
}

/** Gateways and workers ask for keys. As with the bucket, without peers the port of their server is open to any address. */
function keyEdges(
  encryption: EncryptionConfig | undefined,
  egress: (component: Workload, to: string, rule: NetworkPolicyEgressRule) => KubernetesObject,
): readonly KubernetesObject[] {
  const edges = (name: string, address: string, to: EncryptionPeers): readonly KubernetesObject[] => {
    const rule = { ports: [tcp(Number(new URL(address).port || 443))], ...(to && { to: to.map(peerOf) }) };
    return sealingNodes.map((component) => egress(component, name, rule));
  };
  switch (encryption?.keys) {
    case undefined:
    case 'file':
      return [];
    case 'vault':
      return edges('vault', encryption.address, encryption.to);
    case 'aws-kms':
      return edges('kms', encryption.endpoint ?? 'https://aws', encryption.to);
  }
}

type EncryptionPeers = Extract<EncryptionConfig, { keys: 'vault' }>['to'];

const sealingNodes = ['gateway', 'workers'] as const;

/** Whose pods ask for the credentials of a role on EKS. */
function withPodIdentity({ aws, objects, encryption }: KubernetesEnvironment): readonly Workload[] {
  if (aws === undefined) return [];
  if (objects?.credentials === 'role') return ['gateway', 'shards', 'workers'];
  return encryption?.keys === 'aws-kms' && encryption.credentials === 'role' ? sealingNodes : [];
}

/** The agent on each machine of EKS that gives pods the credentials of their role. */
const podIdentityRule: NetworkPolicyEgressRule = {
  to: [{ ipBlock: { cidr: '169.254.170.23/32' } }],
  ports: [tcp(80)],
};

/** Egress to NATS: to the pods of the chart, or to any address if NATS is run elsewhere. */
function natsRule(environment: KubernetesEnvironment): NetworkPolicyEgressRule {
  const { messaging } = environment;
  const rule = { ports: portsOf(natsServers(environment)) };
  switch (messaging.kind) {
    case 'cluster':
      return { to: [{ ...namespacePeer(messaging.namespace), podSelector: { matchLabels: natsPods } }], ...rule };
    case 'external':
      return rule;
  }
}

/** Labels that the NATS chart gives its servers. */
const natsPods = { 'app.kubernetes.io/name': 'nats', 'app.kubernetes.io/component': 'nats' };

/** Egress to Cassandra: to the pods of the ring, or to any address if it is run elsewhere. */
function cassandraRule(environment: KubernetesEnvironment): NetworkPolicyEgressRule {
  const { data } = environment;
  const rule = { ports: portsOf(cassandraContactPoints(environment)) };
  switch (data.kind) {
    case 'k8ssandra': {
      const podSelector = { matchLabels: { 'cassandra.datastax.com/cluster': data.clusterName } };
      return { to: [{ ...namespacePeer(data.namespace), podSelector }], ...rule };
    }
    case 'external':
      return rule;
  }
}
