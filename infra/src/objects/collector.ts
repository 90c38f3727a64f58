/**
 * An OpenTelemetry collector that scrapes the nodes like Prometheus and forwards by OTLP, for teams that store metrics
 * elsewhere. With `traces` it takes the spans of the shards, too.
 */
import { stringify } from 'yaml';
import type { KubernetesEnvironment } from '../config/environment.ts';
import {
  type KubernetesObject,
  metadata,
  selectorLabels,
  standardLabels,
  workerClassLabel,
} from './kubernetes-object.ts';
import { collectorName as name, ports } from './names.ts';

/** A user id that no other workload of the cluster uses. */
const userId = 10_001;
const healthPort = 13_133;
const configFile = 'collector.yaml';

export function collectorObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { otlpEndpoint } = environment.observability;
  if (otlpEndpoint === undefined) return [];
  return [
    ...access(environment),
    ...policies(environment, otlpEndpoint),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(environment, 'observability', name),
      data: { [configFile]: stringify(collectorConfig(environment, otlpEndpoint), { lineWidth: 0 }) },
    },
    ...(environment.observability.traces === undefined ? [] : spansDoor(environment)),
    deployment(environment),
  ];
}

function collectorConfig({ namespace, observability }: KubernetesEnvironment, otlpEndpoint: string): object {
  const { traces } = observability;
  const otlp = { protocols: { http: { endpoint: `0.0.0.0:${ports.otlpHttp}` } } };
  const processors = ['memory_limiter', 'batch'];
  const scrape = {
    job_name: 'troupe',
    scrape_interval: '15s',
    kubernetes_sd_configs: [{ role: 'pod', namespaces: { names: [namespace] } }],
    relabel_configs: [
      { source_labels: ['__meta_kubernetes_pod_label_app_kubernetes_io_name'], regex: 'troupe', action: 'keep' },
      { source_labels: ['__meta_kubernetes_pod_container_port_name'], regex: 'http', action: 'keep' },
      { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
      { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
      { source_labels: ['__meta_kubernetes_pod_label_app_kubernetes_io_component'], target_label: 'component' },
      {
        source_labels: [`__meta_kubernetes_pod_label_${workerClassLabel.replaceAll(/[^A-Za-z0-9_]/g, '_')}`],
        target_label: 'worker_class',
      },
    ],
  };
  return {
    receivers: { prometheus: { config: { scrape_configs: [scrape] } }, ...(traces && { otlp }) },
    processors: {
      memory_limiter: { check_interval: '1s', limit_percentage: 80, spike_limit_percentage: 20 },
      batch: {},
    },
    exporters: { otlp: { endpoint: otlpEndpoint } },
    extensions: { health_check: { endpoint: `0.0.0.0:${healthPort}` } },
    service: {
      extensions: ['health_check'],
      pipelines: {
        metrics: { receivers: ['prometheus'], processors, exporters: ['otlp'] },
        ...(traces && { traces: { receivers: ['otlp'], processors, exporters: ['otlp'] } }),
      },
    },
  };
}

/** Permission to list the pods of its namespace, and nothing else. */
function access(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const own = metadata(environment, 'observability', name);
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: own, automountServiceAccountToken: false },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: own,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: own,
      roleRef: role,
      subjects: [{ kind: 'ServiceAccount', name, namespace: environment.namespace }],
    },
  ];
}

function policies(environment: KubernetesEnvironment, otlpEndpoint: string): readonly KubernetesObject[] {
  const selector = selectorLabels(environment, 'observability');
  const policy = (policyName: string, spec: object): KubernetesObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(environment, 'observability', policyName),
    spec,
  });
  const tcp = (port: number): object => ({ protocol: 'TCP', port });
  const nodes = { podSelector: { matchExpressions: [componentIn('gateway', 'shards', 'workers')] } };
  const otlpPort = Number(/:(\d+)$/.exec(otlpEndpoint)?.[1] ?? 4_317);
  return [
    policy('collector-out', {
      podSelector: { matchLabels: selector },
      policyTypes: ['Egress'],
      egress: [
        { to: [nodes], ports: [tcp(ports.http)] },
        { ports: [{ protocol: 'UDP', port: ports.dns }, tcp(ports.dns)] },
        // The OTLP receiver and the API server. A policy cannot name either as a pod.
        { ports: [tcp(otlpPort), tcp(443), tcp(6_443)] },
      ],
    }),
    policy('collector-to-troupe', {
      ...nodes,
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: selector } }], ports: [tcp(ports.http)] }],
    }),
  ];
}

/** Where shards send their spans. */
function spansDoor(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const selector = selectorLabels(environment, 'observability');
  const { otlpHttp: port } = ports;
  const allowed = [{ protocol: 'TCP', port }];
  const collector = { podSelector: { matchLabels: selector } };
  const shards = { podSelector: { matchLabels: selectorLabels(environment, 'shards') } };
  const policy = (policyName: string, spec: object): KubernetesObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(environment, 'observability', policyName),
    spec,
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(environment, 'observability', name),
      spec: { selector, ports: [{ name: 'otlp-http', port, targetPort: 'otlp-http', protocol: 'TCP' }] },
    },
    policy('shards-to-collector', {
      ...shards,
      policyTypes: ['Egress'],
      egress: [{ to: [collector], ports: allowed }],
    }),
    policy('collector-from-shards', {
      ...collector,
      policyTypes: ['Ingress'],
      ingress: [{ from: [shards], ports: allowed }],
    }),
  ];
}

function componentIn(...values: readonly string[]): object {
  return { key: 'app.kubernetes.io/component', operator: 'In', values };
}

function deployment(environment: KubernetesEnvironment): KubernetesObject {
  const selector = selectorLabels(environment, 'observability');
  const probe = { httpGet: { path: '/', port: 'health' } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(environment, 'observability', name),
    spec: {
      // Two replicas would send everything twice.
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: standardLabels(environment, 'observability') },
        spec: {
          serviceAccountName: name,
          // It lists the pods through the API server.
          automountServiceAccountToken: true,
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: userId,
            runAsGroup: userId,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'collector',
              image: environment.observability.collectorImage,
              args: [`--config=/etc/otel/${configFile}`],
              ports: [
                { name: 'health', containerPort: healthPort, protocol: 'TCP' },
                ...(environment.observability.traces === undefined
                  ? []
                  : [{ name: 'otlp-http', containerPort: ports.otlpHttp, protocol: 'TCP' }]),
              ],
              readinessProbe: probe,
              livenessProbe: probe,
              resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '1', memory: '256Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [{ name: 'configuration', mountPath: '/etc/otel', readOnly: true }],
            },
          ],
          volumes: [{ name: 'configuration', configMap: { name } }],
        },
      },
    },
  };
}
