import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { App, Testing } from '../src/cdk.ts';
import { addAppStack } from '../src/stacks/app.ts';
import { renderedFiles, renderedStream } from '../src/rendered-files.ts';
import { appObjects } from '../src/objects/app.ts';
import { kubernetesEnvironment } from './support/kubernetes-environments.ts';
import production from '../environments/production.ts';
import staging from '../environments/staging.ts';

const environment = kubernetesEnvironment(production);

interface Synthesized {
  readonly resource: {
    readonly kubectl_manifest: Record<
      string,
      { readonly yaml_body: string; readonly ignore_fields?: readonly string[] }
    >;
  };
}

function manifests(input: unknown): Synthesized['resource']['kubectl_manifest'] {
  const stack = addAppStack(new App(), kubernetesEnvironment(input));
  return (JSON.parse(Testing.synth(stack)) as Synthesized).resource.kubectl_manifest;
}

describe('the app stack', () => {
  it('has every object once, as it is', () => {
    const bodies = Object.values(manifests(production)).map(({ yaml_body }) => parse(yaml_body) as unknown);
    const objects = JSON.parse(JSON.stringify(appObjects(environment))) as unknown[];
    expect(bodies).toHaveLength(objects.length);
    expect(bodies).toEqual(expect.arrayContaining(objects));
  });

  it('takes what Argo moves for no drift, and everything else for drift', () => {
    const ignored = Object.entries(manifests(production)).filter(([, { ignore_fields }]) => ignore_fields);
    expect(ignored.map(([id, { ignore_fields }]) => [id, ignore_fields])).toEqual([
      ['grpcroute-troupe-gateway', ['spec.rules']],
    ]);
    expect(Object.values(manifests(staging)).some(({ ignore_fields }) => ignore_fields)).toBe(false);
  });

  it('of production is what it was', () => {
    // Without the labels of the objects themselves: they are all alike, and held by test/objects.
    const shown = appObjects(environment).map(({ metadata: { labels: _, ...metadata }, ...object }) => ({
      ...object,
      metadata,
    }));
    expect(
      shown.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n'),
    ).toMatchSnapshot();
  });
});

describe('rendered YAML', () => {
  const files = renderedFiles(environment);

  it('has a file for each object, all of them named by the kustomization of their stack', () => {
    const { resources } = parse(files.get('app/kustomization.yaml') ?? '') as { readonly resources: readonly string[] };
    const inFolder = [...files.keys()].filter((path) => path.startsWith('app/')).map((path) => path.slice(4));
    expect(new Set([...resources, 'kustomization.yaml'])).toEqual(new Set(inFolder));
    expect(resources).toHaveLength(appObjects(environment).length);
  });

  it('names the folders in the kustomization above them', () => {
    const folders = new Set([...files.keys()].filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
    const { resources } = parse(files.get('kustomization.yaml') ?? '') as { readonly resources: readonly string[] };
    expect(new Set(resources)).toEqual(folders);
  });

  it('is the same as one stream', () => {
    const inStream = parseAllDocuments(renderedStream(environment)).map((document) => document.toJS() as unknown);
    const inFiles = [...files]
      .filter(([path]) => path.includes('/') && !path.endsWith('kustomization.yaml'))
      .map(([, text]) => parse(text) as unknown);
    expect(inStream).toHaveLength(inFiles.length);
    expect(inStream).toEqual(expect.arrayContaining(inFiles));
  });
});
