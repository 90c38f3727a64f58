/** Declared tenants: what terraform is told. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { App, Testing } from '../src/cdk.ts';
import type { Drift } from '../src/queues/drift.ts';
import { addTenantsStack } from '../src/stacks/tenants.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import staging from '../environments/staging.ts';

const gateway = { address: 'jobs.example.com:443', tokenFile: '/run/secrets/token' };

interface Data {
  readonly triggers_replace: string;
  readonly lifecycle?: { readonly ignore_changes?: readonly string[] };
  readonly input: { readonly order: string };
  readonly provisioner: readonly { readonly 'local-exec': { readonly command: string; readonly when?: string } }[];
}

function synthesized(declared: object, drift: Drift = { kind: 'none' }): ReadonlyMap<string, Data> {
  const environment = kubernetesEnvironment({
    ...kubernetesInput(staging),
    gateway: { access: { kind: 'apiKeys' } },
    tenants: { gateway, declared },
  });
  const stack = addTenantsStack(new App(), environment, { driftOf: () => drift });
  if (stack === undefined) throw new Error('no stack');
  const { resource } = JSON.parse(Testing.synth(stack)) as {
    readonly resource: { readonly terraform_data: Readonly<Record<string, Data>> };
  };
  return new Map(
    Object.entries(resource.terraform_data).map(([name, data]) => [name.split('_')[1] ?? name, data] as const),
  );
}

describe('the tenants of an environment', () => {
  it('are applied, and never deleted', () => {
    const resources = synthesized({ acme: { weight: 3 }, default: {} });
    expect([...resources.keys()].toSorted()).toEqual(['apply', 'mend']);
    for (const { input, provisioner } of resources.values()) {
      expect(JSON.parse(input.order)).toEqual({ gateway, tenants: { acme: { weight: 3 }, default: {} } });
      expect(provisioner.map((one) => [one['local-exec'].when, / apply$/.test(one['local-exec'].command)])).toEqual([
        ['create', true],
      ]);
    }
  });

  it('are applied again when they change, and mended when they differ', () => {
    const applied = (declared: object) => synthesized(declared).get('apply')?.triggers_replace;
    expect(applied({ acme: { weight: 3 } })).not.toBe(applied({ acme: { weight: 4 } }));
    const mended = (drift: Drift) => synthesized({ acme: {} }, drift).get('mend');
    expect(mended({ kind: 'none' })?.lifecycle?.ignore_changes).toEqual(['triggers_replace']);
    expect(mended({ kind: 'unknown', why: 'nobody answers' })?.lifecycle?.ignore_changes).toEqual(['triggers_replace']);
    const one = mended({ kind: 'drift', text: 'one' });
    expect(one?.lifecycle?.ignore_changes).toBeUndefined();
    expect(one?.triggers_replace).not.toBe(mended({ kind: 'drift', text: 'other' })?.triggers_replace);
  });

  it('are refused beyond what the program that applies them can be given', () => {
    const declared = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`tenant-${n}`, { description: 'ä'.repeat(120) }]));
    const largest = synthesized(declared(450)).get('apply')?.input.order ?? '';
    const run = (order: string) => spawnSync('true', { env: { TROUPE_QUEUES: order } }).error;
    expect(run(largest)).toBeUndefined();
    expect(run(`${largest}${'x'.repeat(128 * 1_024 - Buffer.byteLength(largest))}`)).toMatchObject({ code: 'E2BIG' });
    expect(() => synthesized(declared(1_000))).toThrow(/^tenants\.declared: takes \d+ bytes of JSON/);
  });
});
