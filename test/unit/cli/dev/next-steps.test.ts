// The lines that `troupe dev` says to try: they name the ports that were taken, and none where that is the usual one.
import { expect, it } from 'vitest';
import { nextSteps } from '../../../../src/cli/dev/next-steps.ts';

const run = { results: [], wallMs: 1_500 };

it('names no port that every program takes by itself', () => {
  const text = nextSteps({
    jobId: 'j1',
    resultsDir: '/r',
    run,
    address: '127.0.0.1:50051',
    natsUrl: 'nats://127.0.0.1:4222',
  });
  expect(text).toContain('  npx troupe get j1\n');
  expect(text).toMatch(/submit image\.thumbnail --each 'path\/to\/your\/\*\.jpg' --wait\n/);
  expect(text).not.toMatch(/--address|--server/);
});

it('names the ports that were taken', () => {
  const text = nextSteps({
    jobId: 'j1',
    resultsDir: '/r',
    run,
    address: '127.0.0.1:41234',
    natsUrl: 'nats://127.0.0.1:45678',
  });
  expect(text).toContain('  npx troupe get j1 --address 127.0.0.1:41234\n');
  expect(text).toContain(' --wait --address 127.0.0.1:41234\n');
  expect(text).toMatch(/nats sub 'troupe\.events\.>' --server nats:\/\/127\.0\.0\.1:45678 /);
});
