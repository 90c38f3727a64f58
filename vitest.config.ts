// One project per kind of test, so that `npm test` can name what a machine lacks. No retries: a flake is a bug.
// Two workers at most, and one where a test file starts processes of its own: a laptop has few cores.
import { defineConfig } from 'vitest/config';

interface Bounds {
  readonly testTimeout: number;
  readonly hookTimeout: number;
  readonly workers: number;
}

function project(name: string, include: readonly string[], bounds: Bounds, more: object = {}) {
  return {
    test: {
      name,
      include: [...include],
      exclude: ['**/node_modules/**', '**/fixtures/**'],
      environment: 'node',
      pool: 'forks' as const,
      retry: 0,
      testTimeout: bounds.testTimeout,
      hookTimeout: bounds.hookTimeout,
      teardownTimeout: 10_000,
      maxWorkers: bounds.workers,
      fileParallelism: bounds.workers > 1,
      ...more,
    },
  };
}

const cassandra = ['test/contract/cassandra*.test.ts', 'test/integration/cassandra*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], { testTimeout: 5_000, hookTimeout: 10_000, workers: 2 }),
      project('architecture', ['test/architecture/**/*.test.ts'], {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        workers: 2,
      }),
      project('contract-sqlite', ['test/contract/sqlite*.test.ts'], {
        testTimeout: 20_000,
        hookTimeout: 20_000,
        workers: 2,
      }),
      project(
        'contract-cassandra',
        cassandra,
        { testTimeout: 60_000, hookTimeout: 120_000, workers: 1 },
        { globalSetup: ['test/support/cassandra-global.ts'] },
      ),
      project(
        'integration',
        ['test/integration/**/*.test.ts'],
        { testTimeout: 60_000, hookTimeout: 60_000, workers: 1 },
        { exclude: ['**/node_modules/**', '**/fixtures/**', 'test/integration/cassandra*.test.ts'] },
      ),
      project('e2e', ['test/e2e/**/*.test.ts'], { testTimeout: 120_000, hookTimeout: 120_000, workers: 1 }),
    ],
  },
});
