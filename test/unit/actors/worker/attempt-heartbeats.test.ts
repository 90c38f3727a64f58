/** Heartbeats of a node with many runs. */
import { expect, it } from 'vitest';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import { batchMaxBytes } from '../../../../src/application/ports/shard-protocol.ts';
import { createWorkerHarness, harnessToken } from '../../../support/worker-harness.ts';

it('name every run in messages that a shard can be sent, however long the notes of the runs are', async () => {
  const runs = 120;
  const worker = await createWorkerHarness(runs);
  /** Six bytes for each character, as JSON. */
  const longestNote = '\u0001'.repeat(2_000);
  const named = new Set<string>();
  worker.pulls.shift()?.resolve([]);
  await worker.kit.settle();
  for (let unique = 1; unique <= runs; unique += 1) {
    const { message } = await worker.offer(unique);
    await worker.kit.settle();
    named.add(message.jobId);
    const runId = runIdOf(message.jobId, harnessToken);
    worker.runs.tell({ kind: 'progress', runId, fraction: 0.5, note: longestNote });
    worker.pulls.shift()?.resolve([]);
    await worker.kit.settle();
  }
  expect(worker.handed).toHaveLength(runs);
  worker.beats.splice(0);
  await worker.kit.advance(2_000);
  expect(Math.max(...worker.beats.map((beat) => Buffer.byteLength(JSON.stringify(beat))))).toBeLessThan(batchMaxBytes);
  expect(new Set(worker.beats.flatMap((beat) => beat.runs.map(({ jobId }) => jobId)))).toEqual(named);
});
