/** What a worker does when a part of it fails and is started again, or when what it asked for comes late. */
import { beforeEach, describe, expect, it } from 'vitest';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import { createWorkerHarness, harnessToken, type WorkerHarness } from '../../../support/worker-harness.ts';

describe('the workers of a node', () => {
  let worker: WorkerHarness;

  beforeEach(async () => {
    worker = await createWorkerHarness();
  });

  /** The first pull finds nothing: from then on the doorbell waits. */
  async function idle(): Promise<void> {
    worker.pulls.shift()?.resolve([]);
    await worker.kit.settle();
  }
  async function running(unique: number): Promise<string> {
    const { message } = await worker.offer(unique);
    await worker.kit.settle();
    return runIdOf(message.jobId, harnessToken);
  }

  it('know their pullers again when the watch of the queues is started again, and leave those of deleted queues', async () => {
    await idle();
    worker.waiting = [{ tenant: 'default', queue: 'default', level: 4, messages: 1 }];
    worker.queues.set('default/second', 1);
    await worker.kit.advance(5_000);
    const pullers = (): string[] =>
      worker.kit.system
        .tree()
        .filter(({ kind }) => kind === 'puller')
        .map(({ path }) => path.slice('/workers/queues/'.length))
        .sort();
    expect(pullers()).toEqual(['default.default', 'default.default^4', 'default.second']);
    worker.waiting = [];
    worker.queues.delete('default/second');
    worker.kit.system.refAt<unknown>('/workers/queue-watch').tell({ kind: 'seen', outcome: { status: 'fulfilled' } });
    await worker.kit.advance(5_000);
    expect(pullers()).toEqual(['default.default']);
    const asked = worker.routesAsked;
    await worker.kit.advance(5_000);
    expect(worker.routesAsked).toBe(asked);
    expect(worker.kit.logEntries.filter(({ message }) => message.startsWith('no puller'))).toEqual([]);
    worker.queues.clear();
    await worker.kit.advance(10_000);
    expect([pullers(), worker.slots.reserved]).toEqual([[], 0]);
  });

  it('go on to pull a route that was left and wanted again while its consumer was made', async () => {
    worker.consumers = 'slow';
    worker.queues.set('default/second', 1);
    await worker.kit.advance(1_000);
    worker.queues.delete('default/second');
    await worker.kit.advance(4_000);
    worker.queues.set('default/second', 1);
    await worker.kit.advance(30_000);
    const asked = worker.routesAsked;
    await worker.kit.advance(5_000);
    expect(worker.routesAsked).toBe(asked);
  });

  it('stop what runs when their runs are started again: nobody would hear of it, and its jobs run elsewhere', async () => {
    await idle();
    const runId = await running(1);
    worker.runs.tell({ kind: 'started', runId });
    await idle();
    await running(2);
    expect(worker.handed).toHaveLength(2);
    const broken = {
      get stop(): never {
        throw new Error('as the test asks');
      },
    };
    worker.runs.tell({ kind: 'heartbeat-answered', outcome: { status: 'fulfilled', value: broken } });
    await worker.kit.advance(1_000);
    expect(worker.cancelled).toEqual(worker.handed.map((request) => request.runId));
  });
});
