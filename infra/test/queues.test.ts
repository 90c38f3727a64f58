/** Declared queues: what an environment may say of them, and what terraform is told. */
import { describe, expect, it } from 'vitest';
import { App, TerraformStack, Testing } from '../src/cdk.ts';
import { EnvironmentError, parseEnvironment } from '../src/config/environment.ts';
import type { LocalConfig } from '../src/config/machine.ts';
import type { Drift } from '../src/queues/drift.ts';
import { TroupeQueue } from '../src/queues/troupe-queues.ts';
import { addLocalQueues } from '../src/stacks/queues.ts';

function local(queues: unknown): LocalConfig {
  const environment = parseEnvironment('test', { kind: 'local', handlerDirs: ['.'], dataDir: '/data', queues });
  if (environment.kind !== 'local') throw new Error('not local');
  return environment;
}

interface Data {
  readonly for_each?: Readonly<Record<string, string>>;
  readonly triggers_replace?: string;
  readonly lifecycle?: { readonly ignore_changes?: readonly string[] };
  readonly input: Readonly<Record<string, string>>;
  readonly depends_on?: readonly string[];
  readonly provisioner: readonly { readonly 'local-exec': { readonly command: string; readonly when?: string } }[];
}

function synthesized(
  config: LocalConfig,
  drift: Drift = { kind: 'none' },
): Readonly<Record<'queue' | 'apply' | 'mend', Data>> {
  const stack = addLocalQueues(new App(), config, { driftOf: () => drift });
  if (stack === undefined) throw new Error('no stack');
  return resourcesOf(stack);
}

function resourcesOf(stack: TerraformStack): Readonly<Record<'queue' | 'apply' | 'mend', Data>> {
  const { resource } = JSON.parse(Testing.synth(stack)) as {
    readonly resource: { readonly terraform_data: Readonly<Record<string, Data>> };
  };
  const found = (id: string): Data => {
    const [, data] = Object.entries(resource.terraform_data).find(([name]) => name.includes(`_${id}_`)) ?? [];
    if (data === undefined) throw new Error(`no resource ${id}`);
    return data;
  };
  return { queue: found('queue'), apply: found('apply'), mend: found('mend') };
}

const declared = { images: { executionTimeout: '2m', maxDepth: 100 }, default: {} };

describe('the queues of an environment', () => {
  it('are refused with the path of what contradicts another setting', () => {
    const images = {
      executionTimeout: '2m',
      heartbeatTimeout: '3m',
      payloadRetention: '366d',
      retry: { initialDelay: '2m', maxDelay: '1m' },
    };
    const problemsOf = (settings: object): readonly string[] => {
      try {
        local({ declared: { images: settings } });
      } catch (error) {
        if (error instanceof EnvironmentError) return error.problems;
      }
      return [];
    };
    const { retry, ...others } = images;
    expect(problemsOf({ retry })).toEqual([
      'queues.declared.images.retry.maxDelay: must not be less than initialDelay',
    ]);
    expect(problemsOf(others)).toEqual([
      'queues.declared.images.heartbeatTimeout: must be 1 s to the execution timeout (120000 ms)',
      expect.stringMatching(/^queues\.declared\.images\.payloadRetention: must be 1 minute to the retention/),
    ]);
    expect(
      problemsOf({ ...images, heartbeatTimeout: 'none', payloadRetention: '1h', retry: { initialDelay: '1m' } }),
    ).toEqual([]);
  });

  it('are refused with the path of everything that is wrong', () => {
    const wrong = {
      declared: {
        'bad name': {},
        images: { maxDepth: -1, executionTimeout: '5', retries: 3, flow: { rate: { perSecond: 0.0001 } } },
      },
    };
    let problems: readonly string[] = [];
    try {
      local(wrong);
    } catch (error) {
      if (error instanceof EnvironmentError) problems = error.problems;
    }
    expect(problems).toEqual(
      expect.arrayContaining([
        'queues.declared.images.maxDepth: must be a whole number from 1 to 100,000,000, or none',
        'queues.declared.images.executionTimeout: must be a duration such as 250ms, 90s, 5m, 1h30m, 7d',
        'queues.declared.images.retries: no such key',
        'queues.declared.images.flow.rate.perSecond: must be 0.001 to 100,000, or none',
      ]),
    );
    expect(problems).toContainEqual(expect.stringMatching(/^queues\.declared\.bad name: its name must match /));
  });

  it('are a stack of their own, and none without them', () => {
    expect(addLocalQueues(new App(), local(undefined))).toBeUndefined();
    const { queue, apply, mend } = synthesized(local({ declared }));
    // The default queue is never deleted.
    expect(Object.keys(queue.for_each ?? {})).toEqual(['images']);
    expect(queue.provisioner).toMatchObject([{ 'local-exec': { when: 'destroy' } }]);
    expect(queue.triggers_replace).toBeUndefined();
    expect(JSON.parse(apply.input['order'] ?? '')).toEqual({
      gateway: { address: '127.0.0.1:50051' },
      queues: declared,
    });
    expect(mend.depends_on?.[0]).toContain('apply');
    expect(apply.depends_on?.[0]).toContain('queue');
  });

  it('are applied when they change, and mended when they differ from what is there', () => {
    const config = local({ declared });
    const [calm, again, drifted, unknown] = [
      synthesized(config),
      synthesized(config),
      synthesized(config, { kind: 'drift', text: 'maxDepth' }),
      synthesized(config, { kind: 'unknown', why: 'away' }),
    ];
    expect(calm).toEqual(again);
    expect(drifted.apply.triggers_replace).toBe(calm.apply.triggers_replace);
    expect(drifted.mend.lifecycle).toBeUndefined();
    for (const { mend } of [calm, unknown]) expect(mend.lifecycle?.ignore_changes).toEqual(['triggers_replace']);
    const changed = synthesized(local({ declared: { ...declared, mails: {} } }));
    expect(changed.apply.triggers_replace).not.toBe(calm.apply.triggers_replace);
  });

  it('keep the content of a token out of what terraform sees', () => {
    const stack = new TerraformStack(new App(), 'team');
    const gateway = { address: 'localhost:1', tokenFile: '/run/secrets/token' };
    new TroupeQueue(stack, 'images', { gateway, settings: { maxDepth: 5 } });
    const { apply } = resourcesOf(stack);
    expect(apply.input['order']).toContain('"tokenFile":"/run/secrets/token"');
    expect(apply.provisioner[0]?.['local-exec'].command).not.toContain('token');
  });
});
