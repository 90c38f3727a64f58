/** The stacks of an environment on Kubernetes: which there are, in which order, and what each may never do. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { App, TerraformStack, Testing } from '../src/cdk.ts';
import type { KubernetesEnvironment } from '../src/config/environment.ts';
import type { KubernetesObject } from '../src/objects/kubernetes-object.ts';
import { addStacks } from '../src/stacks/index.ts';
import { backingEnvironments } from './support/backing-environments.ts';

interface Manifest {
  readonly yaml_body: string;
  readonly depends_on?: readonly string[];
  readonly lifecycle?: { readonly prevent_destroy?: boolean };
}

interface Synthesized {
  readonly terraform: { readonly backend: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  readonly resource: {
    readonly kubectl_manifest?: Readonly<Record<string, Manifest>>;
    readonly helm_release?: Readonly<
      Record<string, { readonly depends_on?: readonly string[]; readonly version: string }>
    >;
  };
}

function stacksOf(environment: KubernetesEnvironment): ReadonlyMap<string, TerraformStack> {
  const app = new App();
  addStacks(app, environment);
  const stacks = app.node.children.filter((child) => TerraformStack.isStack(child));
  return new Map(stacks.map((stack) => [stack.node.id, stack]));
}

const synthesized = (stack: TerraformStack | undefined): Synthesized => {
  if (stack === undefined) throw new Error('there is no such stack');
  return JSON.parse(Testing.synth(stack)) as Synthesized;
};

const byName = new Map(backingEnvironments);
const production = byName.get('production');
const external = byName.get('one with a NATS and a ring of somebody else');
if (production === undefined || external === undefined) throw new Error('environments are missing');

describe('the stacks of production', () => {
  const stacks = stacksOf(production);
  const of = (kind: string): Synthesized => synthesized(stacks.get(`${kind}-production`));

  it('come in an order in which each finds what it needs', () => {
    const needs = Object.fromEntries(
      [...stacks].map(([name, stack]) => [name, stack.dependencies.map(({ node }) => node.id).toSorted()]),
    );
    expect(needs).toMatchObject({
      'platform-production': [],
      'messaging-production': ['platform-production'],
      'data-production': ['platform-production'],
      'app-production': ['data-production', 'messaging-production', 'platform-production'],
      'observability-production': expect.arrayContaining(['app-production']) as string[],
    });
  });

  it('have a state each', () => {
    const keys = ['platform', 'messaging', 'data', 'app', 'observability'].map(
      (kind) => of(kind).terraform.backend['s3']?.['key'],
    );
    expect(new Set(keys).size).toBe(5);
    expect(keys).not.toContain(undefined);
  });

  it('refuse to destroy the ring, and nothing else', () => {
    const held = [...stacks.values()].flatMap((stack) =>
      Object.values(synthesized(stack).resource.kubectl_manifest ?? {})
        .filter(({ lifecycle }) => lifecycle?.prevent_destroy === true)
        .map(({ yaml_body }) => (parse(yaml_body) as KubernetesObject).kind),
    );
    expect(held).toEqual(['K8ssandraCluster']);
  });

  it('make namespaces, then operators, then what the operators understand', () => {
    const { kubectl_manifest: manifests = {}, helm_release: releases = {} } = of('platform').resource;
    // One after the other.
    const order = ['cert-manager', 'external-secrets', 'keda', 'k8ssandra-operator', 'argo-rollouts'];
    expect(Object.keys(releases).toSorted()).toEqual(order.map((name) => `operator-${name}`).toSorted());
    for (const [index, name] of order.entries()) {
      const before =
        index === 0 ? 'kubectl_manifest.namespace-cert-manager' : `helm_release.operator-${order[index - 1] ?? ''}`;
      expect(releases[`operator-${name}`]?.depends_on, name).toContain(before);
    }
    const certificate = manifests['certificate-troupe-gateway-tls'];
    expect(certificate?.depends_on).toContain('helm_release.operator-argo-rollouts');
  });

  it('close the ports of NATS and bring its Secrets before its servers', () => {
    const { helm_release: releases = {} } = of('messaging').resource;
    expect(releases['nats']?.version).toBe('2.14.2');
    expect(releases['nats']?.depends_on).toEqual(
      expect.arrayContaining([
        'kubectl_manifest.networkpolicy-nats-default-deny',
        'kubectl_manifest.externalsecret-nats-troupe-nats-passwords',
        'kubectl_manifest.certificate-nats-troupe-nats-server-tls',
      ]),
    );
  });
});

describe('what somebody else runs', () => {
  it('has no stack', () => {
    const names = [...stacksOf(external).keys()];
    expect(names).not.toContain('messaging-production');
    expect(names).not.toContain('data-production');
    expect(names).toEqual(expect.arrayContaining(['platform-production', 'app-production']));
  });
});
