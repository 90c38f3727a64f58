/** What a process that starts tells NATS of the queues that the store knows. */
import { expect, it } from 'vitest';
import { PatientAsks } from '../../../src/adapters/nats/patient-asks.ts';
import { announceKnownQueues } from '../../../src/compose/known-queues.ts';
import { createManualClock, type ManualClock } from '../application/manual-clock.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { defaultQueueSettings, type Queue } from '../../../src/domain/queue.ts';
import { silentLog } from '../../support/stores.ts';

const silenceMaxMs = 10_000;

const queues: readonly Queue[] = ['a', 'b', 'c'].map((name, at) => ({
  tenant: 'default',
  name,
  queueNo: at + 1,
  settings: defaultQueueSettings,
  version: 1,
  createdAtMs: 0,
  updatedAtMs: 0,
}));

interface Start {
  readonly told: string[];
  readonly done: Promise<void>;
  readonly clock: ManualClock;
}

/** NATS answers to the consumer of one queue with an error, so often. */
function start(refusal: TroupeError, refusals = Infinity): Start {
  const told: string[] = [];
  const clock = createManualClock();
  let left = refusals;
  const done = announceKnownQueues({
    queues: { createQueue: () => Promise.resolve('exists' as never), listQueues: () => Promise.resolve(queues) },
    work: {
      ensureRoute({ queue }) {
        if (queue !== 'b' || left === 0) return Promise.resolve();
        left -= 1;
        return Promise.reject(refusal);
      },
    },
    config: { touchQueue: (_tenant, queue) => Promise.resolve(void told.push(queue)) },
    asks: new PatientAsks({ clock, log: silentLog, silenceMaxMs }),
    clock,
    log: silentLog,
    roles: ['shards'],
  });
  return { told, done, clock };
}

it('starts although NATS allows no consumer for one of the queues', async () => {
  const { told, done } = start(new TroupeError('BROKER_UNAVAILABLE', { metadata: { natsErrorCode: '10026' } }));
  await done;
  expect(told.sort()).toEqual(['a', 'b', 'c']);
});

it('makes the default queue only if it may', async () => {
  const made: string[] = [];
  for (const roles of [['workers'], ['workers', 'gateway']] as const) {
    const clock = createManualClock();
    await announceKnownQueues({
      queues: { createQueue: ({ name }) => Promise.resolve(made.push(name) as never), listQueues: async () => [] },
      work: { ensureRoute: async () => undefined },
      config: { touchQueue: async () => undefined },
      asks: new PatientAsks({ clock, log: silentLog, silenceMaxMs }),
      clock,
      log: silentLog,
      roles,
    });
    expect(made).toEqual(roles.length > 1 ? ['default'] : []);
  }
});

it('starts when NATS answers late', async () => {
  const { told, done, clock } = start(new TroupeError('BROKER_UNAVAILABLE'), 3);
  await passUntil(clock, done);
  expect(told.sort()).toEqual(['a', 'b', 'c']);
});

it('does not start if NATS does not answer for long', async () => {
  const { done, clock } = start(new TroupeError('BROKER_UNAVAILABLE'));
  const failed = done.catch((error: unknown) => [error, clock.monotonicMs()]);
  await passUntil(clock, failed);
  expect(await failed).toEqual([expect.any(TroupeError), silenceMaxMs]);
});

/** Lets time pass until the work is done. */
async function passUntil(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  const state = { isOver: false };
  void work.then(() => {
    state.isOver = true;
  });
  while (!state.isOver) {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    clock.advance(100);
  }
}
