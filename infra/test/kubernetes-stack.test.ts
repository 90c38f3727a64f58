import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { App, Testing } from '../src/cdk.ts';
import type { KubernetesEnvironment } from '../src/config/environment.ts';
import { HelmRelease } from '../src/lib/helm-release.ts';
import { KubernetesStack } from '../src/lib/kubernetes-stack.ts';
import { clusterMetadata, metadata } from '../src/objects/kubernetes-object.ts';
import { kubernetesEnvironment } from './support/kubernetes-environments.ts';
import production from '../environments/production.ts';

function environmentWith(changes: Record<string, unknown>): KubernetesEnvironment {
  return kubernetesEnvironment({ ...production, ...changes });
}

interface Synthesized {
  readonly terraform: { readonly backend: unknown; readonly required_providers: Record<string, unknown> };
  readonly provider: Record<string, unknown>;
  readonly resource: Record<string, Record<string, Record<string, unknown>>>;
}

function synthesized(changes: Record<string, unknown>, fill: (stack: KubernetesStack) => void): Synthesized {
  const stack = new KubernetesStack(new App(), 'app', environmentWith(changes));
  fill(stack);
  return JSON.parse(Testing.synth(stack)) as Synthesized;
}

const environment = environmentWith({});
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: clusterMetadata(environment, 'platform', 'troupe'),
};
const settings = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadata(environment, 'configuration', 'settings'),
  data: { text: 'a ${template} and %{another}' },
};
const scaler = {
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: metadata(environment, 'workers', 'w'),
};

describe('a stack of Kubernetes', () => {
  it('applies each object by the server, and never forces a conflict', () => {
    const { resource } = synthesized({}, (stack) => stack.addObjects([settings]));
    expect(resource['kubectl_manifest']?.['configmap-settings']).toMatchObject({
      server_side_apply: true,
      force_conflicts: false,
      wait_for_rollout: false,
    });
  });

  it('hands text over as it is, whatever terraform would read into it', () => {
    const { resource } = synthesized({}, (stack) => stack.addObjects([settings]));
    const body = String(resource['kubectl_manifest']?.['configmap-settings']?.['yaml_body']);
    expect(body).toContain('$${template} and %%{another}');
    expect(parse(body.replaceAll(/([$%])\1(?=\{)/g, '$1'))).toEqual(settings);
  });

  it('makes the namespace first and custom resources last, in whatever order they are given', () => {
    const { resource } = synthesized({}, (stack) => stack.addObjects([scaler, settings, namespace]));
    const dependsOn = (id: string) => resource['kubectl_manifest']?.[id]?.['depends_on'];
    expect(dependsOn('namespace-troupe')).toEqual([]);
    expect(dependsOn('configmap-settings')).toEqual(['kubectl_manifest.namespace-troupe']);
    expect(dependsOn('scaledobject-w')).toEqual(['kubectl_manifest.configmap-settings']);
  });

  it.each([
    ['gavinbunney/kubectl', '~> 1.19'],
    ['alekc/kubectl', '~> 2.1'],
  ])('takes its provider from %s when the environment says so', (provider, version) => {
    const { terraform, provider: configured } = synthesized(
      { cluster: { provider, context: 'blue' } },
      () => undefined,
    );
    expect(terraform.required_providers).toEqual({ kubectl: { source: provider, version } });
    expect(configured['kubectl']).toEqual([
      { config_path: '~/.kube/config', config_context: 'blue', load_config_file: true },
    ]);
  });

  it('pins the version of a chart', () => {
    const chart = { name: 'keda', namespace: 'keda', repository: 'https://charts.example.com', chart: 'keda' };
    const { terraform, resource } = synthesized({}, (stack) => {
      stack.addHelm();
      new HelmRelease(stack, 'keda', { ...chart, version: '2.21.0', values: { a: { b: 1 } } }, []);
    });
    expect(terraform.required_providers['helm']).toEqual({ source: 'hashicorp/helm', version: '~> 3.1' });
    expect(resource['helm_release']?.['keda']).toMatchObject({ ...chart, version: '2.21.0', values: ['a:\n  b: 1\n'] });
  });
});

describe('the state of a stack', () => {
  it('lies in S3 under its own key, encrypted and locked', () => {
    const { terraform } = synthesized({}, () => undefined);
    expect(terraform.backend).toEqual({
      s3: {
        bucket: 'example-troupe-state',
        region: 'eu-central-1',
        key: 'troupe/app-production.tfstate',
        encrypt: true,
        use_lockfile: true,
      },
    });
  });

  it('lies behind an address, with a lock of its own', () => {
    const { terraform } = synthesized(
      { state: { kind: 'http', address: 'https://state.example.com/' } },
      () => undefined,
    );
    expect(terraform.backend).toEqual({
      http: {
        address: 'https://state.example.com/app-production',
        lock_address: 'https://state.example.com/app-production/lock',
        unlock_address: 'https://state.example.com/app-production/lock',
      },
    });
  });

  it('lies outside of cdktf.out when it is a file', () => {
    const { terraform } = synthesized({ state: { kind: 'local' } }, () => undefined);
    expect(terraform.backend).toEqual({ local: { path: `${process.cwd()}/terraform.app-production.tfstate` } });
  });
});
