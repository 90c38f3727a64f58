/** `cdktf deploy` on a real API server: what it makes, that it sees what others change, and what it does with an object that is refused. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Deployment, makeDeployment } from './deployment.ts';
import { imageOne, kubeEnvironment, scaledWorkers, stacks } from './environments.ts';
import { deployParts, useControlPlane } from './fixture.ts';
import { list, namespace, type Workload } from './workloads.ts';

const clean = 'No changes. Your infrastructure matches the configuration.';
const misspellingApp = fileURLToPath(new URL('./unknown-field-app.ts', import.meta.url));

describe('cdktf deploy', () => {
  let deployment: Deployment;
  const plane = useControlPlane({
    extent: 'controllers',
    needs: deployParts,
    prepare: async ({ folder, kubeconfigPath }) => {
      deployment = makeDeployment(folder);
      deployment.writeEnvironment(kubeEnvironment(kubeconfigPath));
      await run('deploy', ...stacks);
    },
  });

  async function run(...command: Parameters<Deployment['cdktf']>): Promise<string> {
    const { succeeded, text } = await deployment.cdktf(...command);
    expect(succeeded, text).toBe(true);
    return text;
  }

  async function workersOf(name: string): Promise<Workload | undefined> {
    return (await list<Workload>(plane().kubectl, 'deployments', `troupe.dev/worker-class=${name}`))[0];
  }

  it('makes every object, and finds nothing to change when it looks again', async () => {
    expect(await workersOf('fixed')).toMatchObject({ spec: { replicas: 6 } });
    expect(deployment.stateOf('app-kube').length).toBeGreaterThan(10);
    for (const stack of stacks) expect(await run('diff', stack)).toContain(clean);
    expect(await run('deploy', ...stacks)).not.toMatch(/[1-9]\d* (added|changed|destroyed)/);
  });

  it('finds an image that was changed by hand, overwrites it for nobody, and is clean when it is set back', async () => {
    const { kubectl } = plane();
    const name = (await workersOf('fixed'))?.metadata.name ?? '';
    const setImage = (image: string) => kubectl(['set', 'image', '-n', namespace, `deployment/${name}`, `*=${image}`]);
    await setImage('registry.example.com/other:1');
    const diff = await run('diff', 'app-kube');
    expect(diff).not.toContain(clean);
    expect(diff).toContain(`deployment-${name}`);
    const refused = await deployment.cdktf('deploy', 'app-kube');
    expect(refused.succeeded).toBe(false);
    expect(refused.text).toMatch(/conflict with "kubectl-set"/);
    await setImage(`${imageOne.repository}:${imageOne.tag}`);
    await run('deploy', 'app-kube');
    expect(await run('diff', 'app-kube')).toContain(clean);
  });

  it('takes replicas that were scaled by somebody else for no drift, where it names none', async () => {
    const name = (await workersOf('scaled'))?.metadata.name ?? '';
    await plane().kubectl(['scale', '-n', namespace, `deployment/${name}`, '--replicas=7']);
    expect(await run('diff', 'app-kube')).toContain(clean);
    await run('deploy', 'app-kube');
    expect(await workersOf('scaled')).toMatchObject({ spec: { replicas: 7 } });
  });

  it('deletes all of a class of workers that is no longer in the environment', async () => {
    deployment.writeEnvironment(kubeEnvironment(plane().kubeconfigPath, { workers: [scaledWorkers] }));
    await run('deploy', 'app-kube');
    expect(await workersOf('fixed')).toBeUndefined();
    expect(await workersOf('scaled')).toBeDefined();
    expect(deployment.stateOf('app-kube').filter((each) => each.includes('fixed'))).toEqual([]);
    expect(await run('diff', 'app-kube')).toContain(clean);
  });

  it('refuses an object with a field that Kubernetes does not know, by the name of the field', async () => {
    const misspelling = makeDeployment(plane().folder, misspellingApp);
    misspelling.writeEnvironment(kubeEnvironment(plane().kubeconfigPath, { name: 'misspelt' }));
    const { succeeded, text } = await misspelling.cdktf('deploy', 'app-misspelt');
    expect(succeeded).toBe(false);
    expect(text).toMatch(/selecter: field not declared in schema/);
    // What was made before it is there and known; what was refused is neither.
    expect(misspelling.stateOf('app-misspelt')).toEqual(['kubectl_manifest.configmap-before']);
    const services = await list<Workload>(plane().kubectl, 'services');
    expect(services.map(({ metadata }) => metadata.name)).not.toContain('misspelt');
    expect((await misspelling.cdktf('destroy', 'app-misspelt')).succeeded).toBe(true);
    expect(misspelling.stateOf('app-misspelt')).toEqual([]);
  });

  it('refuses an environment that is wrong before it asks the cluster anything', async () => {
    const wrong = kubeEnvironment(plane().kubeconfigPath, { namespace: 'Troupe_1' });
    const before = deployment.stateOf('app-kube');
    deployment.writeEnvironment(wrong);
    const { succeeded, text } = await deployment.cdktf('deploy', 'app-kube');
    expect(succeeded).toBe(false);
    expect(text).toContain('environment.ts: namespace: a name of Kubernetes');
    expect(deployment.stateOf('app-kube')).toEqual(before);
    deployment.writeEnvironment(kubeEnvironment(plane().kubeconfigPath));
  });

  it('destroys all that it has made, the namespace included', async () => {
    await run('destroy', ...stacks);
    for (const stack of stacks) expect(deployment.stateOf(stack)).toEqual([]);
    const left = await plane().kubectl(['get', 'namespaces,priorityclasses', '-o', 'name']);
    expect(left).toContain('namespace/default');
    expect(left).not.toContain('troupe');
  });
});
