/** How long `troupe dev` waits for its cluster, and what it says meanwhile. */
import { beforeEach, expect, it } from 'vitest';
import { untilReady } from '../../../../src/cli/dev/until-ready.ts';
import { createTestKit, type TestKit } from '../../../../src/kernel/testkit/index.ts';

let kit: TestKit;
let isReady: boolean;
let said: string[];
let stop: AbortController;
let failed: PromiseWithResolvers<undefined>;

beforeEach(() => {
  kit = createTestKit();
  isReady = false;
  said = [];
  stop = new AbortController();
  failed = Promise.withResolvers();
});

const waiting = (): ReturnType<typeof untilReady> =>
  untilReady(
    { readiness: () => Promise.resolve({ ready: isReady, reasons: isReady ? [] : ['no shard is served yet'] }) },
    { clock: kit.clock, say: (line) => said.push(line), stop: stop.signal, failed: failed.promise },
  );

it('waits as long as shards are read, and says every ten seconds what for', async () => {
  const found = waiting();
  await kit.advance(25_000);
  expect(said).toEqual([
    expect.stringMatching(/^not ready after 10 s, waiting: no shard is served yet$/),
    expect.stringMatching(/^not ready after 20 s, waiting: no shard is served yet$/),
  ]);
  isReady = true;
  expect(await kit.outcome(found, 1_000)).toBe('ready');
});

it('gives up after ten minutes, with the reasons', async () => {
  const found = expect(waiting()).rejects.toThrow('not ready after 600000 ms: no shard is served yet');
  await kit.advance(601_000);
  await found;
});

it.each(['stopped', 'failed'])('ends at once if the process is %s', async (how) => {
  const found = waiting();
  await kit.advance(15_000);
  if (how === 'stopped') stop.abort();
  else failed.resolve(undefined);
  expect(await kit.outcome(found, 1_000)).toBe('ended');
});
