/**
 * The prerequisites of Troupe: namespaces with their level of pod security, and the Secrets and certificates of the
 * environment's namespace. The operators that create these come from their charts (operators.ts).
 */
import type { KubernetesEnvironment } from '../config/environment.ts';
import type { PlatformConfig } from '../config/platform.ts';
import { nodeCertificates } from './certificates.ts';
import { clusterMetadata, type Component, type KubernetesObject } from './kubernetes-object.ts';
import { nodeSecrets } from './secrets.ts';

export function platformObjects(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  return [...namespaces(environment), ...nodeSecrets(environment), ...nodeCertificates(environment)];
}

/**
 * The pod security level of a namespace. We use `restricted`, but `baseline` for operators, whose pods we do not
 * control.
 */
type PodSecurity = 'restricted' | 'baseline';

function namespaces(environment: KubernetesEnvironment): readonly KubernetesObject[] {
  const { messaging, data, namespace } = environment;
  const levels = new Map<string, readonly [PodSecurity, Component]>();
  for (const own of operatorNamespaces(environment.platform)) levels.set(own, ['baseline', 'platform']);
  // The pods of K8ssandra set no seccomp profile, so `restricted` would refuse them.
  if (data.kind === 'k8ssandra') levels.set(data.namespace, ['baseline', 'cassandra']);
  if (messaging.kind === 'cluster') levels.set(messaging.namespace, ['restricted', 'nats']);
  levels.set(namespace, ['restricted', 'platform']);
  return [...levels].map(([name, [level, component]]) => {
    const metadata = clusterMetadata(environment, component, name);
    return {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { ...metadata, labels: { ...metadata.labels, ...podSecurityLabels(level) } },
    };
  });
}

function podSecurityLabels(level: PodSecurity): Readonly<Record<string, string>> {
  return {
    'pod-security.kubernetes.io/enforce': level,
    'pod-security.kubernetes.io/warn': 'restricted',
    'pod-security.kubernetes.io/audit': 'restricted',
  };
}

function operatorNamespaces(platform: PlatformConfig): readonly string[] {
  return Object.values(platform).flatMap((operator) => (operator === 'present' ? [] : [operator.namespace]));
}
