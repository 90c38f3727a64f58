/**
 * `kubectl_manifest`: one object of Kubernetes, by server-side apply. A field that somebody else owns (the replicas that
 * KEDA sets) is no drift as long as the object does not name it; one that both name is a conflict, which is never forced.
 */
import { stringify } from 'yaml';
import { type Construct, TerraformProvider, TerraformResource } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { literal } from './literal.ts';

type Cluster = KubernetesEnvironment['cluster'];

/** Two publishers of one provider: the resource is the same. */
const versionOf: Record<Cluster['provider'], string> = {
  'gavinbunney/kubectl': '~> 1.19',
  'alekc/kubectl': '~> 2.1',
};

export class KubectlProvider extends TerraformProvider {
  readonly #cluster: Cluster;

  constructor(scope: Construct, id: string, cluster: Cluster) {
    super(scope, id, {
      terraformResourceType: 'kubectl',
      terraformGeneratorMetadata: { providerName: 'kubectl', providerVersionConstraint: versionOf[cluster.provider] },
      terraformProviderSource: cluster.provider,
    });
    this.#cluster = cluster;
  }

  protected override synthesizeAttributes() {
    const { kubeconfigPath, context } = this.#cluster;
    return { config_path: kubeconfigPath, load_config_file: true, ...(context && { config_context: context }) };
  }
}

export interface KubectlManifestOptions {
  readonly dependsOn: readonly TerraformResource[];
  /** Terraform refuses to destroy it: for what holds data. */
  readonly preventDestroy?: boolean;
  readonly ignoreFields?: readonly string[];
}

export class KubectlManifest extends TerraformResource {
  readonly #object: KubernetesObject;
  readonly #ignoreFields: readonly string[];

  constructor(scope: Construct, id: string, object: KubernetesObject, options: KubectlManifestOptions) {
    super(scope, id, {
      terraformResourceType: 'kubectl_manifest',
      terraformGeneratorMetadata: { providerName: 'kubectl' },
      dependsOn: [...options.dependsOn],
      ...(options.preventDestroy === true && { lifecycle: { preventDestroy: true } }),
    });
    this.#object = object;
    this.#ignoreFields = options.ignoreFields ?? [];
  }

  protected override synthesizeAttributes() {
    return {
      yaml_body: literal(stringify(this.#object, { lineWidth: 0, aliasDuplicateObjects: false })),
      server_side_apply: true,
      force_conflicts: false,
      validate_schema: true,
      // Destroying waits until the object is gone, so that a namespace does not go from under a node that drains.
      wait: true,
      // A rollout that cannot go on would hold the deploy until a timeout and say nothing of why; Kubernetes and the
      // alert rules do.
      wait_for_rollout: false,
      ...(this.#ignoreFields.length > 0 && { ignore_fields: this.#ignoreFields }),
    };
  }
}
