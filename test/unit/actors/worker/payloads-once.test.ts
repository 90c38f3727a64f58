/** A payload of a run is written once: a repetition could bring back what was erased meanwhile. */
import { describe, expect, it } from 'vitest';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import { createWorkerHarness, harnessToken } from '../../../support/worker-harness.ts';

describe('what a run leaves behind', () => {
  it('is written once, however often it is told: the shard may have it, and the job may be erased by now', async () => {
    const worker = await createWorkerHarness();
    const { message } = await worker.offer(1);
    await worker.kit.settle();
    const { jobId } = message;
    const runId = runIdOf(jobId, harnessToken);
    const large = { kind: 'json', json: JSON.stringify('x'.repeat(2_000)) } as const;
    const erase = (): string[] => {
      const ids = [...worker.payloads.keys()].sort();
      worker.payloads.clear();
      return ids;
    };
    worker.runs.tell({ kind: 'log', runId, level: 'info', text: 'x'.repeat(2_000) });
    worker.shards = 'away';
    worker.runs.tell({ kind: 'checkpoint', runId, number: 1, payload: large });
    await worker.kit.settle();
    expect(erase()).toEqual([`${jobId}/1.1/checkpoint-1`]);
    await worker.kit.advance(3_000);
    expect(erase()).toEqual([]);
    await worker.end(runId, { kind: 'succeeded', output: large });
    expect(erase()).toEqual([`${jobId}/1.1/log`, `${jobId}/1.1/output`]);
    await worker.kit.advance(6_000);
    worker.shards = 'up';
    await worker.kit.advance(4_000);
    expect(worker.completed).toMatchObject([{ outcome: { output: { kind: 'ref' } }, log: { kind: 'ref' } }]);
    expect(erase()).toEqual([]);
  });
});
