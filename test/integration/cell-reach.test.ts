/** What a handler reaches of its cell and its node when it tries. SECURITY.md names these tests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, env: { TROUPE_SECRET: 'of the cell' } });
});
afterAll(async () => {
  await zoo.stop();
});

async function reached(what: string, pool = zoo): Promise<unknown> {
  const { outcome } = await pool.run('reaches', { for: what }).ended;
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.output.json);
}

describe('a handler does not reach', () => {
  it.each([
    'the main thread by a session',
    'the main thread by a session with promises',
    'itself by a session',
    'itself by a port',
    'what was there before',
    'a thread for hooks',
    'flags of V8',
    'the main thread by a worker',
    'the main thread by a worker with flags',
    'the main thread by a worker with variables',
    'the main thread by a worker with shared variables',
    'the main thread by the class of a worker',
    'the main thread by the class that channels tell',
  ])('%s', async (what) => {
    expect(await reached(what)).toEqual({ refused: 'ERR_ACCESS_DENIED' });
    expect(zoo.pool.stats().cells[0]).toMatchObject({ state: 'up', restarts: 0 });
  });

  it('the binding of the inspector', async () => {
    expect(await reached('the binding of the inspector')).toEqual({ got: '' });
  });

  it.each(['the inspector of its cell', 'the inspector of its node'])('%s', async (what) => {
    expect(await reached(what)).toEqual({ refused: 'ECONNREFUSED' });
  });
});
