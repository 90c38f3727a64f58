/** The operators that an environment installs, from their official charts with pinned versions. */
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { PlatformConfig } from '../config/platform.ts';
import type { Chart } from '../lib/helm-release.ts';

type Operator = keyof PlatformConfig;

interface Source {
  readonly repository: string;
  readonly chart: string;
  readonly values: (environment: KubernetesEnvironment) => Chart['values'];
}

const sources: Record<Operator, Source> = {
  certManager: {
    repository: 'https://charts.jetstack.io',
    chart: 'cert-manager',
    values: () => ({ crds: { enabled: true, keep: true }, prometheus: { enabled: true } }),
  },
  externalSecrets: {
    repository: 'https://charts.external-secrets.io',
    chart: 'external-secrets',
    values: () => ({ installCRDs: true }),
  },
  keda: {
    repository: 'https://kedacore.github.io/charts',
    chart: 'keda',
    // KEDA's metrics show when a scaler does not answer (alert TroupeScalerFails).
    values: () => ({ prometheus: { operator: { enabled: true } } }),
  },
  k8ssandra: {
    repository: 'https://helm.k8ssandra.io/stable',
    chart: 'k8ssandra-operator',
    // The ring is in another namespace than the operator.
    values: () => ({ global: { clusterScoped: true } }),
  },
  argoRollouts: {
    repository: 'https://argoproj.github.io/argo-helm',
    chart: 'argo-rollouts',
    values: ({ platform }) => ({ controller: { trafficRouterPlugins: gatewayPlugin(platform) } }),
  },
};

/** cert-manager comes first, because other operators may have webhooks with its certificates. */
const order: readonly Operator[] = ['certManager', 'externalSecrets', 'keda', 'k8ssandra', 'argoRollouts'];

export function operatorCharts(environment: KubernetesEnvironment): readonly Chart[] {
  return order.flatMap((operator) => {
    const wanted = environment.platform[operator];
    if (wanted === 'present') return [];
    const { repository, chart, values } = sources[operator];
    const { namespace, chartVersion } = wanted;
    return [{ name: chart, namespace, repository, chart, version: chartVersion, values: values(environment) }];
  });
}

/**
 * The plugin that shifts a canary's traffic on a route of the Gateway API. Argo Rollouts downloads it when it starts.
 */
function gatewayPlugin({ argoRollouts }: PlatformConfig): readonly object[] {
  if (argoRollouts === 'present') return [];
  const { location, sha256 } = argoRollouts.gatewayPlugin;
  return [{ name: 'argoproj-labs/gatewayAPI', location, ...(sha256 !== undefined && { sha256 }) }];
}
