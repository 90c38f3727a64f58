/** A thread can write to the pipe between its cell and the node: what is no frame costs the cell, and the node nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

afterEach(async () => {
  await zoo.stop();
});

describe('a handler that writes to the node by itself', () => {
  it.each(['noise', 'length', 'body', 'no list', 'no event', 'no outcome', 'wrong type'])(
    'loses its cell, and nothing else: %s',
    async (what) => {
      zoo = await startPool({ handlerDirs: [zooDir], threads: 2, cells: 2 });
      const elsewhere = zoo.run('sleeps', { ms: 1_500 });
      await elsewhere.started;
      const forger = zoo.run('forges', { what });
      expect((await forger.ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
      const death = zoo.log.find(({ message }) => message === 'cell died');
      expect(death?.fields['why']).toMatch(/ended by its parent: it sent (what is no frame|a frame of another shape)/);
      expect((await elsewhere.ended).outcome.kind).toBe('succeeded');
      await eventually('the cell is up again', () => zoo.pool.capacity() >= 2);
      expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
    },
  );

  it('is busy once, however often it says that it has started', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1, cells: 1 });
    const forger = zoo.run('forges', { what: 'second start', runId: 'forges#1' });
    expect((await forger.ended).outcome.kind).toBe('succeeded');
    expect(zoo.pool.stats()).toMatchObject({ busy: 0, waiting: 0 });
  });
});
