/** What the tests on a real Kubernetes run on: every version in one place. A new version makes a new folder in the cache. */
export const versions = {
  kubernetes: 'v1.37.2',
  etcd: '3.5.1',
  kwok: 'v0.8.0',
  /** The Kubernetes provider of terraform that the stacks ask for. */
  kubectlProvider: '1.19.0',
} as const;

/**
 * Where the custom resources that the stacks write are defined: YAML in the Go module of each project. `files` are those
 * of its folder that a control plane of a test is given; all of them would take it half a minute.
 */
export const definitions = [
  {
    name: 'keda',
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.21.0',
    folder: 'config/crd/bases',
    files: ['keda.sh_scaledobjects', 'keda.sh_triggerauthentications'],
  },
  {
    name: 'gateway-api',
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.3',
    folder: 'config/crd/standard',
    files: ['gateway.networking.k8s.io_grpcroutes', 'gateway.networking.k8s.io_backendtlspolicies'],
  },
  {
    name: 'cert-manager',
    module: 'github.com/cert-manager/cert-manager',
    version: 'v1.21.2',
    folder: 'deploy/crds',
    files: ['cert-manager.io_certificates', 'cert-manager.io_issuers', 'cert-manager.io_clusterissuers'],
  },
  {
    name: 'external-secrets',
    module: 'github.com/external-secrets/external-secrets',
    version: 'v1.3.2',
    folder: 'config/crds/bases',
    files: ['external-secrets.io_externalsecrets', 'external-secrets.io_secretstores'],
  },
  {
    name: 'prometheus-operator',
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    folder: 'example/prometheus-operator-crd',
    files: [
      'monitoring.coreos.com_podmonitors',
      'monitoring.coreos.com_servicemonitors',
      'monitoring.coreos.com_prometheusrules',
    ],
  },
  {
    name: 'argo-rollouts',
    module: 'github.com/argoproj/argo-rollouts',
    version: 'v1.10.1',
    folder: 'manifests/crds',
    files: ['rollout-crd', 'analysis-template-crd'],
  },
] as const;

/** Groups of custom resources whose definitions no package registry serves: what is written for them meets no server here. */
export const unservedDefinitions = [
  { group: 'k8ssandra.io', reason: 'the definition of K8ssandraCluster is in no Go module that the proxy serves' },
  { group: 'medusa.k8ssandra.io', reason: 'the definitions of Medusa are in no Go module that the proxy serves' },
] as const;
