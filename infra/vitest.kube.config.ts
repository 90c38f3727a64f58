// Tests on a real control plane of Kubernetes: `npm run test:kube`. One file at a time, since each starts a control plane.
import { defineConfig } from 'vitest/config';
import { Summary } from './test/kube/summary.ts';

export default defineConfig({
  test: {
    include: ['test/kube/**/*.kube.test.ts'],
    globalSetup: 'test/kube/setup.ts',
    reporters: ['verbose', new Summary()],
    environment: 'node',
    pool: 'forks',
    fileParallelism: false,
    retry: 0,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
