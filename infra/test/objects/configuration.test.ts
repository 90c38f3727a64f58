import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appObjects } from '../../src/objects/app.ts';
import type { KubernetesObject } from '../../src/objects/kubernetes-object.ts';
import { environments, kubernetesEnvironment } from '../support/kubernetes-environments.ts';
import { allPods } from '../support/objects.ts';
import { type GivenConfig, troupeConfigProblems } from '../support/troupe-config.ts';
import production from '../../environments/production.ts';
import staging from '../../environments/staging.ts';

/** What the variables of the pods are filled with when they run. */
const values: Readonly<Record<string, string>> = { TROUPE_WORKERS_THREADS: '4' };

/** File and variables of every workload, as its process finds them. */
function given(objects: readonly KubernetesObject[]): readonly GivenConfig[] {
  return allPods(objects).map(({ owner, spec, container }) => {
    const name = spec.volumes?.[0]?.projected?.sources?.find(({ configMap }) => configMap)?.configMap?.name;
    const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
    const env = Object.fromEntries((container.env ?? []).map((entry) => [entry.name, values[entry.name] ?? 'a-name']));
    return { name: owner.metadata.name, text: map?.data?.['troupe.config.yaml'] ?? '', env };
  });
}

describe('troupe.config.yaml', () => {
  it('is what Troupe takes, of every workload', async () => {
    const sampled = fc.sample(environments, { seed: 1, numRuns: 20 });
    const all = [kubernetesEnvironment(staging), kubernetesEnvironment(production), ...sampled];
    const configurations = all.flatMap((environment) => given(appObjects(environment)));
    expect(configurations.length).toBeGreaterThan(3 * all.length);
    expect(await troupeConfigProblems(configurations)).toEqual([]);
  });

  it('would be refused with a key that there is not', async () => {
    const [first] = given(appObjects(kubernetesEnvironment(staging)));
    const wrong = { env: {}, ...first, name: 'wrong', text: `${first?.text ?? ''}\nshard: { count: 1 }\n` };
    expect(await troupeConfigProblems([wrong])).toEqual([expect.stringContaining('shard (wrong): unknown key')]);
  });
});
