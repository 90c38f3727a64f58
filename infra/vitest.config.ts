// Tests of what is declared: `npm test` in this folder. What it does when it is deployed is tested apart (test/it, test/kube).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**', 'cdktf.out/**', 'test/it/**', 'test/kube/**'],
    environment: 'node',
    pool: 'forks',
    retry: 0,
    // It finds a test that hangs: `npm test` runs these on what other suites leave of the cores.
    testTimeout: 180_000,
  },
});
