/** Alerts and dashboards: what they ask exists, is PromQL, and each alert has a page that says what to do. */
import { parser } from '@prometheus-io/lezer-promql';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { counters, gauges, histograms } from '../../src/contract/measures.ts';
import type { KubernetesEnvironment } from '../src/config/environment.ts';
import { alertsOf } from '../src/objects/alerts.ts';
import { dashboardsOf } from '../src/objects/dashboards.ts';
import { observabilityObjects } from '../src/objects/observability.ts';
import { recordingRules } from '../src/objects/recording-rules.ts';
import { backingEnvironments } from './support/backing-environments.ts';

const page = readFileSync(new URL('../../docs/operating/alerts.md', import.meta.url), 'utf8');

/** Of others, by the documentation of their makers. */
const foreign: Readonly<Record<string, readonly string[]>> = {
  up: ['namespace', 'pod'],
  certmanager_certificate_expiration_timestamp_seconds: ['name'],
  keda_scaler_detail_errors_total: ['exported_namespace', 'scaledObject'],
  ...Object.fromEntries(
    ['5m', '30m', '1h', '6h', '3d'].map((window) => [`troupe:calls_failed:ratio_rate${window}`, ['namespace']]),
  ),
};
const targetLabels = ['namespace', 'pod', 'component', 'worker_class'];

interface Measure {
  readonly name: string;
  readonly labelNames: readonly string[];
}

/** Every series that Prometheus can have, with its labels. */
const series = new Map<string, readonly string[]>([
  ...Object.entries(foreign),
  ...[...Object.values(counters), ...Object.values(gauges)].map(
    ({ name, labelNames }: Measure) => [name, [...labelNames, ...targetLabels]] as const,
  ),
  ...Object.values(histograms).flatMap(({ name, labelNames }: Measure) => [
    [`${name}_bucket`, ['le', ...labelNames, ...targetLabels]] as const,
    [`${name}_count`, [...labelNames, ...targetLabels]] as const,
  ]),
]);

interface Asked {
  readonly errors: number;
  readonly series: readonly string[];
  readonly labels: readonly string[];
}

/** What an expression asks for, by the grammar of Prometheus itself. Grafana's interval stands for a duration. */
function asked(expression: string): Asked {
  const text = expression.replaceAll('$__rate_interval', '5m');
  const found = { errors: 0, series: new Set<string>(), labels: new Set<string>() };
  parser.parse(text).iterate({
    enter(node) {
      const part = text.slice(node.from, node.to);
      if (node.type.isError) found.errors += 1;
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector') found.series.add(part);
      if (node.name === 'LabelName') found.labels.add(part);
    },
  });
  return { errors: found.errors, series: [...found.series], labels: [...found.labels] };
}

function expressions(environment: KubernetesEnvironment): readonly string[] {
  return [
    ...alertsOf(environment).map(({ expr }) => expr),
    ...recordingRules(environment).map(({ expr }) => expr),
    ...dashboardsOf(environment).flatMap(({ panels }) => panels.flatMap(({ lines }) => Object.values(lines))),
  ];
}

describe.each(backingEnvironments)('what %s asks Prometheus', (_, environment) => {
  it('is PromQL', () => {
    expect(expressions(environment).filter((text) => asked(text).errors > 0)).toEqual([]);
  });

  it('is of series that there are, by labels that they have', () => {
    for (const text of expressions(environment)) {
      const { series: names, labels } = asked(text);
      expect(names.length, text).toBeGreaterThan(0);
      expect(
        names.filter((name) => !series.has(name)),
        text,
      ).toEqual([]);
      const known = new Set(names.flatMap((name) => series.get(name) ?? []));
      expect(
        labels.filter((label) => !known.has(label)),
        text,
      ).toEqual([]);
    }
  });

  it('is of this environment alone', () => {
    for (const text of expressions(environment)) expect(text).toMatch(/namespace="|name=~"troupe-/);
  });

  it('has labels in its summaries that its expressions give', () => {
    for (const { name, expr, summary } of alertsOf(environment)) {
      const used = [...summary.matchAll(/\$labels\.([a-zA-Z_]+)/g)].map(([, label]) => label ?? '');
      const given = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      const labels = given.length === 0 ? (foreign[expr.split('{')[0] ?? ''] ?? []) : given;
      expect(
        used.filter((label) => !labels.includes(label)),
        name,
      ).toEqual([]);
    }
  });
});

describe('an alert', () => {
  const names = new Set(
    backingEnvironments.flatMap(([, environment]) => alertsOf(environment)).map(({ name }) => name),
  );

  it('has a section in docs/operating/alerts.md, and each section an alert', () => {
    const sections = [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(sections.toSorted()).toEqual([...names].toSorted());
  });

  it('is as urgent as its section says', () => {
    for (const { name, severity } of backingEnvironments.flatMap(([, environment]) => alertsOf(environment))) {
      expect(page, name).toContain(`## ${name}\n\n**${severity}.** `);
    }
  });

  it('links to its section', () => {
    const [, production] = backingEnvironments[0] ?? [];
    const rules = production && observabilityObjects(production).find(({ kind }) => kind === 'PrometheusRule');
    const text = JSON.stringify(rules);
    expect(text).toContain('docs/operating/alerts.md#troupequeuewaits');
    expect(text.match(/runbook_url/g)).toHaveLength(names.size);
  });

  it('of which the grammar is asked finds what is wrong', () => {
    expect(asked('sum by (a (rate(x[5m])))').errors).toBeGreaterThan(0);
    expect(asked('sum by (queue) (troupe_jobs{state="x"})')).toEqual({
      errors: 0,
      series: ['troupe_jobs'],
      labels: ['queue', 'state'],
    });
  });
});
