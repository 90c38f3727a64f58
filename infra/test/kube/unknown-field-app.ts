/**
 * The stack of the app with an object that no version of Kubernetes knows in this form, as a slip in code would make it:
 * the types of an environment do not let one through.
 */
import { App } from '../../src/cdk.ts';
import { loadEnvironments } from '../../src/config/load.ts';
import { KubernetesStack } from '../../src/lib/kubernetes-stack.ts';

const folder = process.env['TROUPE_ENVIRONMENTS'];
if (folder === undefined) throw new Error('TROUPE_ENVIRONMENTS names no folder');
const app = new App();
for (const environment of await loadEnvironments(folder)) {
  if (environment.kind !== 'kubernetes') continue;
  const { namespace } = environment;
  const stack = new KubernetesStack(app, 'app', environment);
  const labels = { 'app.kubernetes.io/name': 'troupe' };
  const configMap = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels },
    data: { key: 'value' },
  });
  stack.addObjects([
    configMap('before'),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'misspelt', namespace, labels },
      spec: { ports: [{ port: 80 }], selecter: { app: 'troupe' } },
    },
  ]);
}
app.synth();
