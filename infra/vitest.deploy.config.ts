// Tests of what a deploy really does, with the CLI of the CDK and terraform: `npm run test:deploy` in this folder.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/it/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    retry: 0,
    // Each step is a deploy; the first may fetch a terraform, a nats-server and a Cassandra.
    testTimeout: 300_000,
    hookTimeout: 1_200_000,
    fileParallelism: false,
  },
});
