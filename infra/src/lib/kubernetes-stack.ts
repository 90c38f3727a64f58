/** A stack on Kubernetes: its backend, its provider, and its objects in order. */
import { type Construct, type TerraformResource, TerraformStack } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { addBackend } from './backend.ts';
import { addKubeObjects, type KubeObjectsOptions } from './kube-objects.ts';
import { HelmProvider } from './helm-release.ts';
import { KubectlProvider } from './kubectl-manifest.ts';

/** The purpose of a stack on Kubernetes. */
export type KubernetesStackKind = 'platform' | 'messaging' | 'data' | 'app' | 'observability' | 'queues';

export class KubernetesStack extends TerraformStack {
  readonly environment: KubernetesEnvironment;

  constructor(scope: Construct, kind: KubernetesStackKind, environment: KubernetesEnvironment) {
    const name = `${kind}-${environment.name}`;
    super(scope, name);
    this.environment = environment;
    addBackend(this, name, environment.state);
    new KubectlProvider(this, 'kubectl', environment.cluster);
  }

  /** Adds the Helm provider. Call this in stacks that install charts. */
  addHelm(): void {
    new HelmProvider(this, 'helm', this.environment.cluster);
  }

  addObjects(
    objects: readonly KubernetesObject[],
    options: Omit<KubeObjectsOptions, 'namespace'> = {},
  ): readonly TerraformResource[] {
    return addKubeObjects(this, objects, { namespace: this.environment.namespace, ...options });
  }
}
