/** The prerequisites of all other stacks: namespaces, operators from their charts, Secrets, certificates. */
import type { App } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { HelmRelease } from '../lib/helm-release.ts';
import { KubernetesStack } from '../lib/kubernetes-stack.ts';
import { operatorCharts } from '../objects/operators.ts';
import { platformObjects } from '../objects/platform.ts';

export function addPlatformStack(app: App, environment: KubernetesEnvironment): KubernetesStack {
  const stack = new KubernetesStack(app, 'platform', environment);
  const objects = platformObjects(environment);
  const isNamespace = ({ kind }: { readonly kind: string }): boolean => kind === 'Namespace';
  const namespaces = stack.addObjects(objects.filter(isNamespace));
  const charts = operatorCharts(environment);
  if (charts.length > 0) stack.addHelm();
  // Installed one at a time, because an operator may use what an earlier one provides.
  let before = namespaces;
  for (const chart of charts) before = [new HelmRelease(stack, `operator-${chart.name}`, chart, before)];
  stack.addObjects(
    objects.filter((object) => !isNamespace(object)),
    { after: before },
  );
  return stack;
}
