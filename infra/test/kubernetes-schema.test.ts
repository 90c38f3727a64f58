/** What Kubernetes itself knows the schema of; custom resources are held against theirs by test/kube. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { KubernetesEnvironment } from '../src/config/environment.ts';
import { objectsByStack } from '../src/objects/by-stack.ts';
import type { KubernetesObject } from '../src/objects/kubernetes-object.ts';
import { environments, kubernetesEnvironment } from './support/kubernetes-environments.ts';
import { kubernetesVersion, lackOfValidator, validate, type Validation } from './support/kubernetes-validate.ts';
import production from '../environments/production.ts';
import staging from '../environments/staging.ts';

const lack = await lackOfValidator();
if (lack !== undefined) {
  process.stderr.write(`the schemas of Kubernetes ${kubernetesVersion} are not asked: ${lack}\n`);
}
const folder = mkdtempSync(join(tmpdir(), 'troupe-schema-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A Rollout is a Deployment but for its strategy: its pods can be looked at as such. */
function known(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Rollout') return object;
  const { strategy: _, ...spec } = object.spec as Record<string, unknown>;
  return { ...object, apiVersion: 'apps/v1', kind: 'Deployment', spec };
}

const builtIn = ({ apiVersion }: KubernetesObject): boolean =>
  !apiVersion.includes('.') || (/\.k8s\.io\//.test(apiVersion) && !apiVersion.startsWith('gateway.'));

async function validated(objects: readonly KubernetesObject[]): Promise<Validation> {
  const file = join(folder, 'objects.yaml');
  writeFileSync(file, objects.map((object) => `---\n${stringify(object, { aliasDuplicateObjects: false })}`).join(''));
  return validate(file);
}

const allObjects = (environment: KubernetesEnvironment): readonly KubernetesObject[] =>
  [...objectsByStack(environment).values()].flat().map(known);

describe.skipIf(lack !== undefined)(`the schemas of Kubernetes ${kubernetesVersion}`, { timeout: 300_000 }, () => {
  it.each([
    ['staging', staging],
    ['production', production],
    ['production with a collector', { ...production, observability: { otlpEndpoint: 'otel.example.com:4317' } }],
    ['production with traces', { ...production, observability: { otlpEndpoint: 'otel.example.com:4317', traces: {} } }],
  ])('take all objects of %s that they know', async (_, input) => {
    const objects = allObjects(kubernetesEnvironment(input));
    const { refused, passed } = await validated(objects);
    expect(refused).toEqual([]);
    expect(passed).toBe(objects.filter(builtIn).length);
  });

  it('take those of environments of every kind', async () => {
    const objects = fc.sample(environments, { seed: 1, numRuns: 3 }).flatMap(allObjects);
    const { refused, passed } = await validated(objects);
    expect(refused).toEqual([]);
    expect(passed).toBe(objects.filter(builtIn).length);
  });

  it('refuse a field that there is not', async () => {
    const [first, ...others] = allObjects(kubernetesEnvironment(staging)).filter(({ kind }) => kind === 'Deployment');
    const wrong = { ...first, spec: { ...(first?.spec as object), replica: 1 } } as KubernetesObject;
    const { refused, passed } = await validated([wrong, ...others]);
    expect(refused).toEqual([expect.stringContaining('replica')]);
    expect(passed).toBe(others.length);
  });
});
