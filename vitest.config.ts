// One project per kind of test, so that `npm test` can name what a machine lacks. No retries: a flake is a bug.
// Two workers: a laptop has few cores. Three where tests mostly wait, for leases to end and Cassandras to start; one for
// whole clusters on which a person looks (e2e). What computes in virtual time has long timeouts, since `npm test` runs it on
// what other suites leave of the cores: they only find a test that hangs.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
      exclude: name === 'contract-cassandra' ? ignored : [...ignored, cassandra],
      environment: 'node',
      pool: 'forks' as const,
      retry: 0,
      // Client commands of the tests do not read the profiles of whoever runs them. There is no such file.
      env: { TROUPE_PROFILE_FILE: join(tmpdir(), 'troupe-tests-have-no-profiles.yaml') },
      testTimeout: bounds.testTimeout,
      hookTimeout: bounds.hookTimeout,
      teardownTimeout: 10_000,
      // A deadline for what is awaited: by itself it would be a second, which a busy machine may stand still for.
      expect: { poll: { timeout: Math.min(30_000, (3 / 4) * bounds.testTimeout) } },
      // A message shows what was there, not how many things: often it is all that is left of a run elsewhere.
      chaiConfig: { truncateThreshold: 600 },
      maxWorkers: bounds.workers,
      fileParallelism: bounds.workers > 1,
      ...more,
    },
  };
}

/** Wherever they lie: what needs a Cassandra is named so, and `npm run test:quick` leaves it out. */
const cassandra = 'test/*/cassandra*.test.ts';
const ignored = ['**/node_modules/**', '**/fixtures/**'];

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], { testTimeout: 120_000, hookTimeout: 120_000, workers: 2 }),
      project('architecture', ['test/architecture/**/*.test.ts'], {
        testTimeout: 180_000,
        hookTimeout: 180_000,
        workers: 2,
      }),
      project('smoke', ['test/smoke/**/*.test.ts'], { testTimeout: 120_000, hookTimeout: 120_000, workers: 1 }),
      project('contract', ['test/contract/**/*.test.ts'], {
        testTimeout: 20_000,
        hookTimeout: 20_000,
        workers: 2,
      }),
      project(
        'contract-cassandra',
        [cassandra],
        { testTimeout: 60_000, hookTimeout: 120_000, workers: 2 },
        { globalSetup: ['test/support/cassandra-global.ts'] },
      ),
      // These start processes by the hundred, some fill their memory: their time, too, only finds a test that hangs.
      project('integration', ['test/integration/**/*.test.ts'], {
        testTimeout: 180_000,
        hookTimeout: 180_000,
        workers: 2,
      }),
      project('chaos', ['test/chaos/**/*.test.ts'], { testTimeout: 400_000, hookTimeout: 180_000, workers: 3 }),
      project('simulation', ['test/simulation/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 20_000,
        workers: 2,
      }),
      // Too heavy for `npm test`: `npm run test:drills`.
      project('drills', ['test/drills/**/*.test.ts'], { testTimeout: 300_000, hookTimeout: 300_000, workers: 1 }),
      // One cluster and one browser, which pages share.
      project('console', ['test/console/**/*.test.ts'], { testTimeout: 240_000, hookTimeout: 240_000, workers: 1 }),
      project('e2e', ['test/e2e/**/*.test.ts'], { testTimeout: 240_000, hookTimeout: 240_000, workers: 2 }),
    ],
  },
});
