/** Grafana dashboards as ConfigMaps, which Grafana's sidecar finds by their label. */
import { counters, gauges, histograms } from '../../../src/contract/measures.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { type KubernetesObject, metadata } from './kubernetes-object.ts';
import { Queries } from './promql.ts';
import { failedShare } from './recording-rules.ts';

type Unit = 's' | 'bytes' | 'reqps' | 'ops' | 'short' | 'percentunit';

interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** Expressions by their legend. */
  readonly lines: Readonly<Record<string, string>>;
}

interface Dashboard {
  readonly name: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const window = '$__rate_interval';

export function dashboardObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  if (!environment.observability.dashboards) return [];
  return dashboardsOf(environment).map(({ name, title, panels }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(environment, 'observability', `troupe-dashboard-${name}`, {
      labels: { grafana_dashboard: '1' },
    }),
    data: {
      [`troupe-${environment.name}-${name}.json`]: JSON.stringify(grafana(environment, { name, title, panels })),
    },
  }));
}

export function dashboardsOf(environment: KubernetesEnvironment): readonly Dashboard[] {
  const query = new Queries(environment.namespace);
  return [
    { name: 'jobs', title: 'Troupe: jobs', panels: jobPanels(query) },
    { name: 'nodes', title: 'Troupe: gateways, shards, workers', panels: nodePanels(query, environment) },
  ];
}

function jobPanels(query: Queries): readonly Panel[] {
  return [
    {
      title: 'Jobs by state',
      unit: 'short',
      lines: { '{{state}}': query.sum(gauges.jobs, ['state']) },
    },
    {
      title: 'What happens to jobs, a second',
      unit: 'ops',
      lines: { '{{event}}': query.rate(counters.transitions, window, ['event']) },
    },
    {
      title: 'Oldest wait by queue',
      unit: 's',
      lines: { '{{tenant}}/{{queue}}': query.max(gauges.queueOldestWait, ['tenant', 'queue']) },
    },
    {
      title: 'Waiting jobs by queue',
      unit: 'short',
      lines: { '{{tenant}}/{{queue}}': query.sum(gauges.queueJobs, ['tenant', 'queue'], { standing: 'waiting' }) },
    },
    {
      title: 'From queued to started',
      unit: 's',
      lines: {
        '50 %': query.quantile(0.5, histograms.startLatency, window),
        '99 %': query.quantile(0.99, histograms.startLatency, window),
      },
    },
    {
      title: 'Attempts, 99 % by handler',
      unit: 's',
      lines: { '{{handler}}': query.quantile(0.99, histograms.attemptDuration, window, { by: ['handler'] }) },
    },
    {
      title: 'Ends of runs, a second',
      unit: 'ops',
      lines: { '{{outcome}}': query.rate(counters.runs, window, ['outcome']) },
    },
    {
      title: 'Inputs that wait, by queue',
      unit: 'bytes',
      lines: { '{{tenant}}/{{queue}}': query.sum(gauges.queueOpenBytes, ['tenant', 'queue']) },
    },
  ];
}

function nodePanels(query: Queries, environment: KubernetesEnvironment): readonly Panel[] {
  return [
    {
      title: 'Calls a second by method',
      unit: 'reqps',
      lines: { '{{method}}': query.rate(counters.grpcRequests, window, ['method']) },
    },
    {
      title: 'Failed calls, share of an hour',
      unit: 'percentunit',
      lines: { failed: failedShare(environment, '1h') },
    },
    {
      title: 'Calls, 99 % by method',
      unit: 's',
      lines: { '{{method}}': query.quantile(0.99, histograms.grpcDuration, window, { by: ['method'] }) },
    },
    {
      title: 'Commits',
      unit: 's',
      lines: {
        '50 %': query.quantile(0.5, histograms.commitDuration, window),
        '99 %': query.quantile(0.99, histograms.commitDuration, window),
      },
    },
    {
      title: 'Records in a commit, median',
      unit: 'short',
      lines: { records: query.quantile(0.5, histograms.commitGroupRecords, window) },
    },
    {
      title: 'Store, 99 % by question',
      unit: 's',
      lines: { '{{query}}': query.quantile(0.99, histograms.storeQueryDuration, window, { by: ['query'] }) },
    },
    {
      title: 'Facts that wait for JetStream',
      unit: 'short',
      lines: {
        facts: query.sum(gauges.outboxTasks),
        'refused a second': query.rate(counters.natsPublishFailures, window),
      },
    },
    {
      title: 'Busy threads by class',
      unit: 'percentunit',
      lines: {
        '{{worker_class}}': `${query.sum(gauges.threads, ['worker_class'], { state: 'busy' })} / ${query.sum(
          gauges.threads,
          ['worker_class'],
          { state: 'configured' },
        )}`,
      },
    },
    {
      title: 'Memory of cells by class',
      unit: 'bytes',
      lines: { '{{worker_class}}': query.sum(gauges.cellsResidentBytes, ['worker_class']) },
    },
    {
      title: 'Trouble inside, a second',
      unit: 'ops',
      lines: {
        'restarts {{kind}}': query.rate(counters.actorRestarts, window, ['kind']),
        'dead letters {{reason}}': query.rate(counters.deadLetters, window, ['reason']),
        'cells {{cause}}': query.rate(counters.cellExits, window, ['cause']),
      },
    },
  ];
}

/** Two panels per row, in Grafana's grid of 24 columns. */
const width = 12;
const height = 8;

function grafana({ name: environment }: KubernetesEnvironment, { name, title, panels }: Dashboard): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    uid: `troupe-${environment}-${name}`.slice(0, 40),
    title: `${title} (${environment})`,
    tags: ['troupe'],
    editable: false,
    schemaVersion: 39,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }] },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: 'timeseries',
      title: panel.title,
      datasource,
      gridPos: { x: (index % 2) * width, y: Math.floor(index / 2) * height, w: width, h: height },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      targets: Object.entries(panel.lines).map(([legendFormat, expr], line) => ({
        refId: String.fromCodePoint(65 + line),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
}
