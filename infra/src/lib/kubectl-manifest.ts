/**
 * `kubectl_manifest`: one Kubernetes object, by server-side apply. A field that another owner sets (such as the
 * replicas that KEDA sets) is not drift as long as the object does not name it. If both name it, this is a conflict,
 * which is never forced.
 */
import { stringify } from 'yaml';
import { type Construct, TerraformProvider, TerraformResource } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { literal } from './literal.ts';

type Cluster = KubernetesEnvironment['cluster'];

/** The provider exists under two publishers; the resource is the same. */
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
  /** Terraform refuses to destroy the object. Set it for objects that hold data. Default: false. */
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
      // Destroying waits until the object is gone. Otherwise a namespace could be deleted while a node in it still
      // drains.
      wait: true,
      // Do not wait for rollouts. A stuck rollout would block the deploy until its timeout without a reason. Kubernetes
      // and the alert rules report the reason.
      wait_for_rollout: false,
      ...(this.#ignoreFields.length > 0 && { ignore_fields: this.#ignoreFields }),
    };
  }
}
