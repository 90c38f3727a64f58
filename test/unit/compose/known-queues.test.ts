/** What a process that starts tells NATS of the queues that the store knows. */
import { expect, it } from 'vitest';
import { announceKnownQueues } from '../../../src/compose/known-queues.ts';
import { createManualClock } from '../application/manual-clock.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { defaultQueueSettings, type Queue } from '../../../src/domain/queue.ts';
import { silentLog } from '../../support/stores.ts';

const queues: readonly Queue[] = ['a', 'b', 'c'].map((name, at) => ({
  tenant: 'default',
  name,
  queueNo: at + 1,
  settings: defaultQueueSettings,
  version: 1,
  createdAtMs: 0,
  updatedAtMs: 0,
}));

function start(refusal: TroupeError): { readonly told: string[]; readonly done: Promise<void> } {
  const told: string[] = [];
  const done = announceKnownQueues({
    store: { createQueue: () => Promise.resolve('exists' as never), listQueues: () => Promise.resolve(queues) },
    work: {
      ensureRoute({ queue }) {
        return queue === 'b' ? Promise.reject(refusal) : Promise.resolve();
      },
    },
    config: { touchQueue: (_tenant, queue) => Promise.resolve(void told.push(queue)) },
    clock: createManualClock(),
    log: silentLog,
  });
  return { told, done };
}

it('starts although NATS allows no consumer for one of the queues', async () => {
  const { told, done } = start(new TroupeError('BROKER_UNAVAILABLE', { metadata: { natsErrorCode: '10026' } }));
  await done;
  expect(told.sort()).toEqual(['a', 'b', 'c']);
});

it('does not start if NATS does not answer', async () => {
  await expect(start(new TroupeError('BROKER_UNAVAILABLE')).done).rejects.toThrow(TroupeError);
});
