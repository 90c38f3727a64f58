/** What a worker gets of a queue in quarantine: nothing, however its pull and the quarantine meet. */
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../../../src/kernel/testkit/index.ts';
import { createQuarantineAwareSource } from '../../../../src/application/cluster/quarantine-aware-source.ts';
import type { WorkDelivery, WorkSource } from '../../../../src/application/ports/bus.ts';
import { memoryQuarantines } from '../../../support/queue-marks.ts';

const mark = { tenant: 't', queue: 'q', reason: 'why', sinceMs: 1 };
const delivery = { ackTo: 'ack-1' } as WorkDelivery;

function gate() {
  const clock = createVirtualClock();
  const quarantines = memoryQuarantines();
  const pulls: { readonly signal: AbortSignal; readonly resolve: (deliveries: readonly WorkDelivery[]) => void }[] = [];
  const givenBack: string[] = [];
  const source: WorkSource = {
    pull: ({ signal }) =>
      new Promise((resolve) => {
        pulls.push({ signal, resolve });
        signal.addEventListener('abort', () => resolve([]));
      }),
    release: (ackTo) => void givenBack.push(ackTo),
    ensureRoute: () => Promise.resolve(),
    removeRoute: () => Promise.resolve(),
    routes: () => Promise.resolve([]),
  };
  const gated = createQuarantineAwareSource({ source, quarantines, nodeId: 'n1', clock });
  const stop = new AbortController();
  const pull = (expiresMs = 5_000) => {
    const promise = gated.pull({ route: { tenant: 't', queue: 'q' }, batch: 3, expiresMs, signal: stop.signal });
    const state: { value: readonly WorkDelivery[] | undefined } = { value: undefined };
    void promise.then((value) => (state.value = value));
    return { promise, state };
  };
  return { clock, quarantines, pulls, givenBack, pull, stop };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a pull that comes after the quarantine waits its time and is empty; the broker is not asked', async () => {
  const { clock, quarantines, pulls, pull } = gate();
  await quarantines.put(mark);
  const { state } = pull();
  clock.step(4_999);
  await turn();
  expect(state.value).toBeUndefined();
  clock.step(5_000);
  await turn();
  expect([state.value, pulls.length]).toEqual([[], 0]);
});

test('it ends early when the queue is resumed, or when the puller stops', async () => {
  const { quarantines, pull, stop } = gate();
  await quarantines.put(mark);
  const resumed = pull();
  await quarantines.clear('t', 'q');
  expect(await resumed.promise).toEqual([]);
  await quarantines.put(mark);
  const stopped = pull();
  stop.abort();
  expect(await stopped.promise).toEqual([]);
});

test('a pull under way is broken off by the quarantine; what it brought all the same goes back', async () => {
  const { quarantines, pulls, givenBack, pull } = gate();
  const waiting = pull();
  await quarantines.put(mark);
  expect([await waiting.promise, pulls[0]?.signal.aborted]).toEqual([[], true]);
  await quarantines.clear('t', 'q');

  const racing = pull();
  pulls[1]?.resolve([delivery]);
  quarantines.marks.set('silently', mark);
  expect([await racing.promise, givenBack]).toEqual([[], ['ack-1']]);
});

test('other queues, and marks of other nodes, are not held back', async () => {
  const { quarantines, pulls, givenBack, pull } = gate();
  await quarantines.put({ ...mark, node: 'n2' });
  await quarantines.put({ ...mark, queue: 'other' });
  const { promise } = pull();
  pulls[0]?.resolve([delivery]);
  expect([await promise, givenBack]).toEqual([[delivery], []]);
  await quarantines.put({ ...mark, node: 'n1' });
  const held = pull();
  expect(pulls).toHaveLength(1);
  await quarantines.clear('t', 'q');
  await held.promise;
});

test('a pull that is over leaves nothing behind at the signal of its puller', async () => {
  const { quarantines, pulls, pull, stop } = gate();
  const listeners = () => getEventListeners(stop.signal, 'abort').length;
  for (let count = 0; count < 3; count += 1) {
    const { promise } = pull();
    expect(listeners()).toBe(1);
    pulls[count]?.resolve([]);
    await promise;
  }
  await quarantines.put(mark);
  const held = pull();
  expect(listeners()).toBe(1);
  await quarantines.clear('t', 'q');
  await held.promise;
  expect(listeners()).toBe(0);
});

test('a puller that stops breaks off its pull, before it was sent too', async () => {
  const { pulls, pull, stop } = gate();
  const waiting = pull();
  stop.abort();
  expect([await waiting.promise, pulls[0]?.signal.aborted]).toEqual([[], true]);
  void pull();
  expect(pulls[1]?.signal.aborted).toBe(true);
});
