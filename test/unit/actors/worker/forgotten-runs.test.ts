/** Answers that come after a run is forgotten. In virtual time; the test plays the work source, the pool and the shards. */
import { expect, it } from 'vitest';
import { createWorkerHarness } from '../../../support/worker-harness.ts';

it('tells nothing more of a run once its end is taken, whatever answers come after it', async () => {
  const worker = await createWorkerHarness();
  await worker.kit.advance(200);
  await worker.offer(1);
  const runId = worker.handed[0]?.runId ?? '';
  for (const verb of ['checkpoint', 'log'] as const) worker.failing.add(verb);
  worker.runs.tell({ kind: 'checkpoint', runId, number: 1, payload: { kind: 'json', json: '1' } });
  worker.runs.tell({ kind: 'log', runId, level: 'info', text: 'a line' });
  await worker.kit.advance(300);
  await worker.end(runId);
  expect(worker.completed).toHaveLength(1);
  await worker.kit.advance(60_000);
  expect(worker.asked.filter((verb) => worker.failing.has(verb))).toEqual(['checkpoint', 'log']);
});
