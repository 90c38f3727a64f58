/** What Prometheus scrapes and computes, what Grafana shows, and the collector that forwards it. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import { alertsOf } from './alerts.ts';
import { natsPods } from './backing-network.ts';
import { collectorObjects } from './collector.ts';
import { dashboardObjects } from './dashboards.ts';
import { type KubernetesObject, type Labels, metadata, selectorLabels, workerClassLabel } from './kubernetes-object.ts';
import { recordingRules } from './recording-rules.ts';

export function observabilityObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return [
    ...monitors(environment),
    rules(environment),
    ...dashboardObjects(environment),
    ...collectorObjects(environment),
  ];
}

const scrapeSeconds = 15;

function monitors(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { messaging } = environment;
  const nodes = ['gateway', 'shards', 'workers'] as const;
  return [
    ...nodes.map((component) =>
      podMonitor(environment, `troupe-${component}`, {
        namespace: environment.namespace,
        selector: selectorLabels(environment, component),
        port: 'http',
      }),
    ),
    ...(messaging.kind === 'cluster'
      ? [
          podMonitor(environment, 'troupe-nats', {
            namespace: messaging.namespace,
            selector: natsPods,
            port: 'prom-metrics',
          }),
        ]
      : []),
  ];
}

interface Scraped {
  readonly namespace: string;
  readonly selector: Labels;
  readonly port: string;
}

/** Labels that every series gets for grouping, in addition to those of the metric (`TargetLabel` in promql.ts). */
const relabelings = [
  { sourceLabels: ['__meta_kubernetes_pod_label_app_kubernetes_io_component'], targetLabel: 'component' },
  { sourceLabels: [metaLabel(workerClassLabel)], targetLabel: 'worker_class' },
];

function metaLabel(label: string): string {
  return `__meta_kubernetes_pod_label_${label.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}

function podMonitor(environment: KubernetesEnvironment, name: string, scraped: Scraped): KubernetesObject {
  const { namespace, selector, port } = scraped;
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: metadata(environment, 'observability', name, { labels: environment.observability.labels }),
    spec: {
      namespaceSelector: { matchNames: [namespace] },
      selector: { matchLabels: selector },
      podMetricsEndpoints: [{ port, path: '/metrics', interval: `${scrapeSeconds}s`, relabelings }],
    },
  };
}

function rules(environment: KubernetesEnvironment): KubernetesObject {
  const { labels, runbookUrl } = environment.observability;
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: metadata(environment, 'observability', 'troupe', { labels }),
    spec: {
      groups: [
        { name: `troupe-${environment.name}-levels`, interval: '30s', rules: recordingRules(environment) },
        {
          name: `troupe-${environment.name}-alerts`,
          rules: alertsOf(environment).map(({ name, expr, for: holds, severity, summary }) => ({
            alert: name,
            expr,
            for: holds,
            labels: { severity, environment: environment.name },
            annotations: { summary, runbook_url: `${runbookUrl}#${name.toLowerCase()}` },
          })),
        },
      ],
    },
  };
}
