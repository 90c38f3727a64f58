// Tests of what is declared (`npm test` in this folder), and of what it does when it is deployed (test/it, by `npm run test:deploy`).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**', 'cdktf.out/**', 'test/it/**'],
    environment: 'node',
    pool: 'forks',
    retry: 0,
    testTimeout: 60_000,
  },
});
