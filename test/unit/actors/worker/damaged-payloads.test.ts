// A stored payload that is not what was written is the same for every attempt, so nobody waits for another one.
import { beforeEach, expect, it } from 'vitest';
import { testSpec } from '../../../support/jobs.ts';
import { createWorkerHarness, type WorkerHarness } from '../../../support/worker-harness.ts';

let worker: WorkerHarness;
beforeEach(async () => {
  worker = await createWorkerHarness();
  worker.pulls.shift()?.resolve([]);
  await worker.kit.settle();
  worker.payloadStore = 'damaged';
});

it('ends the job if it is the input', async () => {
  worker.spec = testSpec({ input: { kind: 'ref', id: 'input', bytes: 2, encoding: 'json' } });
  await worker.offer(1);
  await worker.kit.settle();
  expect(worker.handed).toEqual([]);
  const message = 'the input cannot be read: a payload in the store is damaged';
  const failure = { reason: 'INVALID_INPUT', message };
  expect(worker.completed).toMatchObject([{ outcome: { kind: 'failed', retryable: false, failure } }]);
});

it('lets the attempt begin anew if it is the checkpoint', async () => {
  worker.lastCheckpoint = { kind: 'ref', id: 'checkpoint-1', bytes: 2, encoding: 'json' };
  await worker.offer(1);
  await worker.kit.settle();
  expect(worker.handed).toHaveLength(1);
  expect(worker.handed[0]).not.toHaveProperty('checkpoint');
});
