/** What a node measures of queues and handlers ends with them: callers make up names, and a series each would stay for ever. */
import { expect, it } from 'vitest';
import { createWorkerHarness } from '../../../support/worker-harness.ts';

it('what no node can run is measured for as long as it waits', async () => {
  const worker = await createWorkerHarness();
  const route = { tenant: 'default', queue: 'default', messages: 2 };
  for (const version of ['1', '2', '3']) {
    worker.waiting = [{ ...route, need: { handler: 'test.nowhere', version } }];
    await worker.kit.advance(5_000);
    expect((await worker.gauges()).match(/^troupe_jobs_unserved\{.*/gm)).toEqual([
      `troupe_jobs_unserved{tenant="default",queue="default",handler="test.nowhere",version="${version}"} 2`,
    ]);
  }
  worker.waiting = [];
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).not.toMatch(/^troupe_jobs_unserved\{/m);
});

it('the depth of a queue is measured until the queue is deleted', async () => {
  const worker = await createWorkerHarness();
  worker.queues.set('acme/reports', 2);
  worker.waiting = [{ tenant: 'acme', queue: 'reports', messages: 9 }];
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).toContain('troupe_queue_depth{tenant="acme",queue="reports"} 9\n');
  worker.waiting = [];
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).toContain('troupe_queue_depth{tenant="acme",queue="reports"} 0\n');
  worker.queues.delete('acme/reports');
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).not.toContain('reports');
});

it('nothing is left of what was measured before the watch of the queues was started again', async () => {
  const worker = await createWorkerHarness();
  worker.queues.set('acme/reports', 2);
  worker.waiting = [{ tenant: 'acme', queue: 'reports', messages: 2, need: { handler: 'test.nowhere', version: '1' } }];
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).toMatch(/^troupe_jobs_unserved\{.*reports/m);
  worker.queues.delete('acme/reports');
  worker.waiting = [];
  worker.kit.system.refAt<unknown>('/workers/queue-watch').tell({ kind: 'seen', outcome: { status: 'fulfilled' } });
  await worker.kit.advance(5_000);
  expect(await worker.gauges()).not.toContain('reports');
});
