/** `helm_release`: a third-party chart with a pinned version. Its values contain no secrets. */
import { stringify } from 'yaml';
import { type Construct, TerraformProvider, TerraformResource } from '../cdk.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { literal } from './literal.ts';

type Cluster = KubernetesEnvironment['cluster'];

export class HelmProvider extends TerraformProvider {
  readonly #cluster: Cluster;

  constructor(scope: Construct, id: string, cluster: Cluster) {
    super(scope, id, {
      terraformResourceType: 'helm',
      terraformGeneratorMetadata: { providerName: 'helm', providerVersionConstraint: '~> 3.1' },
      terraformProviderSource: 'hashicorp/helm',
    });
    this.#cluster = cluster;
  }

  protected override synthesizeAttributes() {
    const { kubeconfigPath, context } = this.#cluster;
    return { kubernetes: { config_path: kubeconfigPath, ...(context && { config_context: context }) } };
  }
}

export interface Chart {
  readonly name: string;
  readonly namespace: string;
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly timeoutSeconds?: number;
}

export class HelmRelease extends TerraformResource {
  readonly #chart: Chart;

  constructor(scope: Construct, id: string, chart: Chart, dependsOn: readonly TerraformResource[]) {
    super(scope, id, {
      terraformResourceType: 'helm_release',
      terraformGeneratorMetadata: { providerName: 'helm' },
      dependsOn: [...dependsOn],
    });
    this.#chart = chart;
  }

  protected override synthesizeAttributes() {
    const { name, namespace, repository, chart, version, values, timeoutSeconds = 600 } = this.#chart;
    return {
      name,
      namespace,
      repository,
      chart,
      version,
      // We create namespaces ourselves, because they carry labels for pod security.
      create_namespace: false,
      // A failed release is rolled back as a whole, and the deploy reports it.
      atomic: true,
      wait: true,
      timeout: timeoutSeconds,
      values: [literal(stringify(values, { lineWidth: 0 }))],
    };
  }
}
