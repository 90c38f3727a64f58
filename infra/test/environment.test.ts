import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EnvironmentError, parseEnvironment } from '../src/config/environment.ts';
import { loadEnvironments } from '../src/config/load.ts';
import production from '../environments/production.ts';

const folder = fileURLToPath(new URL('../environments', import.meta.url));

function problemsOf(input: unknown): readonly string[] {
  try {
    parseEnvironment('an environment', input);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
  return [];
}

describe('an environment', () => {
  it('is accepted when it is one that comes with Troupe', async () => {
    expect(await loadEnvironments(folder)).toHaveLength(readdirSync(folder).length);
  });

  it.each([
    ['an unknown key', { ...production, gatway: {} }, 'gatway: no such key'],
    [
      'an unknown key deeper down',
      { ...production, gateway: { access: { kind: 'none' }, replica: 1 } },
      'gateway.replica: no such key',
    ],
    ['a missing reference', { ...production, secrets: undefined }, 'secrets: '],
    [
      'a quota below zero',
      { ...production, workers: [{ name: 'a', cores: -1, scaling: { kind: 'none', replicas: 1 } }] },
      'workers[0].cores: ',
    ],
    ['a name that Kubernetes refuses', { ...production, namespace: 'Troupe_1' }, 'namespace: a name of Kubernetes'],
    [
      'an image with tag and digest',
      { ...production, image: { repository: 'a/b', tag: 'x', digest: `sha256:${'0'.repeat(64)}` } },
      'image: give either',
    ],
    [
      'least above most',
      { ...production, gateway: { access: { kind: 'none' }, replicas: { min: 3, max: 2 } } },
      'gateway.replicas.min: is at most `max`',
    ],
    [
      'two classes of one name',
      { ...production, workers: [1, 2].map(() => ({ name: 'a', cores: 1, scaling: { kind: 'none', replicas: 1 } })) },
      'workers: two classes have one name',
    ],
  ])('is refused for %s, by its path', (_, input, problem) => {
    expect(problemsOf(input)).toEqual([expect.stringContaining(problem)]);
  });
});
