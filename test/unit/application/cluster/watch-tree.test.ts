/** A watch of the tree in virtual time: how often it asks, and for whom. */
import { mayEverything } from '../../../support/callers.ts';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../../../src/kernel/testkit/index.ts';
import { createWatchTree } from '../../../../src/application/cluster/watch-tree.ts';
import type * as wire from '../../../../src/contract/messages.ts';

const query = { node: '', path: '', intervalMs: 1_000 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

function watching() {
  const clock = createVirtualClock();
  let asked = 0;
  const see = {
    tree(): Promise<wire.GetTreeResponse> {
      asked += 1;
      const actor = { node: 'n1', path: '/', mailboxSize: asked } as wire.Actor;
      return Promise.resolve({ actors: [actor], omitted: 0 });
    },
  };
  const watch = createWatchTree({ see, clock });
  /** Lets time pass, timer by timer. */
  const advance = async (ms: number): Promise<void> => {
    const untilMs = clock.monotonicMs() + ms;
    do await turn();
    while (clock.step(untilMs));
    await turn();
  };
  return { clock, watch, advance, asked: () => asked };
}

test('a reader that does not read costs nothing: nobody is asked for it, and it gets the present when it comes back', async () => {
  const { watch, advance, asked } = watching();
  const reader = watch({ tenant: 't', principal: mayEverything, requestId: 'r' }, query);
  await reader.next();
  await advance(60_000);
  expect(asked()).toBe(1);
  const next = reader.next();
  await advance(1_000);
  expect((await next).value).toMatchObject({ changed: [{ mailboxSize: 2 }] });
  await reader.return();
});

test('it asks once in its interval, and ends at once when the caller has gone', async () => {
  const { watch, advance, asked } = watching();
  const gone = new AbortController();
  const reader = watch({ tenant: 't', principal: mayEverything, requestId: 'r', signal: gone.signal }, query);
  await reader.next();
  const second = reader.next();
  await advance(999);
  expect(asked()).toBe(1);
  await advance(1);
  await second;
  expect(asked()).toBe(2);
  const third = reader.next();
  await turn();
  gone.abort();
  await expect(third).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
  expect(asked()).toBe(2);
});

test('watches of the same thing share what was asked within 200 ms, others do not', async () => {
  const { watch, advance, asked } = watching();
  const caller = { tenant: 't', principal: mayEverything, requestId: 'r' };
  await Promise.all([watch(caller, query).next(), watch(caller, query).next()]);
  expect(asked()).toBe(1);
  await watch(caller, { ...query, path: '/node' }).next();
  expect(asked()).toBe(2);
  await advance(200);
  await watch(caller, query).next();
  expect(asked()).toBe(3);
});
