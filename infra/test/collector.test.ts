/** Traces through the collector: who gets told, and who may reach whom. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { appObjects } from '../src/objects/app.ts';
import { observabilityObjects } from '../src/objects/observability.ts';
import type { KubernetesObject } from '../src/objects/kubernetes-object.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import { ofKind } from './support/objects.ts';
import production from '../environments/production.ts';

const traced = kubernetesEnvironment({
  ...kubernetesInput(production),
  observability: { otlpEndpoint: 'otel.example.com:4317', traces: { ratio: 0.25 } },
});
const untraced = kubernetesEnvironment({
  ...kubernetesInput(production),
  observability: { otlpEndpoint: 'otel.example.com:4317' },
});

interface NodeSettings {
  /** Absent for `migrate`. */
  readonly roles?: readonly string[];
  readonly traces?: object;
}

/** Files of configuration, by their name. */
function filesOf(objects: readonly KubernetesObject[], name: string): readonly unknown[] {
  const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
  return maps.flatMap(({ data }) => (data?.[name] === undefined ? [] : [parse(data[name]) as unknown]));
}

function settingsOf(objects: readonly KubernetesObject[], role: string): object | undefined {
  const files = filesOf(objects, 'troupe.config.yaml') as readonly NodeSettings[];
  const found = files.find(({ roles }) => roles?.includes(role) === true);
  expect(found, role).toBeDefined();
  return found?.traces;
}

const policies = (objects: readonly KubernetesObject[]): readonly (string | undefined)[] =>
  ofKind(objects, 'NetworkPolicy').map(({ metadata }) => metadata.name);

describe('traces', () => {
  it('are told to shards and workers, by the name of the collector', () => {
    const { namespace } = traced;
    const url = `http://troupe-collector.${namespace}.svc:4318/v1/traces`;
    for (const role of ['shards', 'workers'])
      expect(settingsOf(appObjects(traced), role), role).toEqual({ url, ratio: 0.25 });
    expect(settingsOf(appObjects(traced), 'gateway')).toBeUndefined();
    expect(settingsOf(appObjects(untraced), 'shards')).toBeUndefined();
  });

  it('reach the collector from shards alone, and it sends them on', () => {
    const objects = observabilityObjects(traced);
    const [service] = ofKind(objects, 'Service');
    expect(service).toMatchObject({ metadata: { name: 'troupe-collector' }, spec: { ports: [{ port: 4_318 }] } });
    expect(policies(objects)).toEqual(expect.arrayContaining(['shards-to-collector', 'collector-from-shards']));
    expect(filesOf(objects, 'collector.yaml')[0]).toMatchObject({
      receivers: { otlp: { protocols: { http: { endpoint: '0.0.0.0:4318' } } } },
      service: { pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp'] }, metrics: {} } },
    });
  });

  it('open nothing where there are none', () => {
    const objects = observabilityObjects(untraced);
    expect(ofKind(objects, 'Service')).toEqual([]);
    expect(policies(objects)).not.toContain('shards-to-collector');
  });
});
