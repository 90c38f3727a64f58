/** Memory: a pool per class, the next class after OUT_OF_MEMORY, and the bound of the whole process. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

afterEach(async () => {
  await zoo.stop();
});

async function heapOf(handler: string, input: unknown, memoryMb?: number): Promise<unknown> {
  const { outcome } = await zoo.run(handler, input, memoryMb === undefined ? {} : { memoryMb }).ended;
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
  return (JSON.parse(outcome.output.json) as { readonly heapMb: unknown }).heapMb;
}

describe('memory classes', () => {
  it('give each handler the heap it asks for, and a job what it was found to need, up to what the node has', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, memoryMaxMb: 512 });
    expect(await heapOf('needs', { mb: 1 })).toBe(128);
    expect(await heapOf('small', { ms: 0 })).toBe(256);
    expect(await heapOf('needs', { mb: 1 }, 200)).toBe(256);
    expect(await heapOf('needs', { mb: 1 }, 4_096)).toBe(512);
    expect(await heapOf('needs', { mb: 1 })).toBe(128);
  });

  it('let no more runs into threads than the cell has threads, over all classes, and bound the idle ones', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
    const runs = [
      ...Array.from({ length: 4 }, () => zoo.run('small', { ms: 300 })),
      ...Array.from({ length: 4 }, () => zoo.run('sleeps', { ms: 300 })),
      ...Array.from({ length: 4 }, () => zoo.run('needs', { mb: 1, ms: 300 })),
    ];
    const inThreads = new Set<string>();
    let most = 0;
    for (const run of runs) {
      void run.started.then(() => {
        inThreads.add(run.runId);
        most = Math.max(most, inThreads.size);
      });
      void run.ended.then(() => inThreads.delete(run.runId));
    }
    for (const run of runs) expect((await run.ended).outcome.kind).toBe('succeeded');
    expect(most).toBe(2);
    await eventually('at most four threads are left', () => {
      const [cell] = zoo.pool.stats().cells;
      return cell !== undefined && cell.threadsAlive >= 2 && cell.threadsAlive <= 4;
    });
  });

  it('that the node does not have are refused when the handlers are loaded, with the key to change', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, memoryMaxMb: 128 });
    expect(zoo.manifests.map(({ name }) => name)).not.toContain('small');
    const said = zoo.log.find(({ message }) => message === 'handler file not loaded');
    expect(said?.fields['reason']).toBe('memory: "small" asks for 256 MiB, workers.memoryMaxMb of this node is 128');
  });
});

describe('a run out of memory', () => {
  it('asks for the next class if its handler allows it, until the last one; others are left alone', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
    const neighbour = zoo.run('sleeps', { ms: 4_000 });
    await neighbour.started;
    const { outcome } = await zoo.run('needs', { mb: 180 }).ended;
    expect(outcome).toEqual({
      kind: 'failed',
      retryable: true,
      nextMemoryMb: 256,
      failure: {
        reason: 'OUT_OF_MEMORY',
        message: 'the handler "needs" used more memory than its thread has (128 MiB); it runs again with 256 MiB',
      },
    });
    expect(await heapOf('needs', { mb: 180 }, 256)).toBe(256);
    const last = (await zoo.run('needs', { mb: 2_000 }, { memoryMb: 512 }).ended).outcome;
    expect(last).toMatchObject({ kind: 'failed', failure: { reason: 'OUT_OF_MEMORY' } });
    expect(last).not.toHaveProperty('nextMemoryMb');
    expect((await zoo.run('hoards').ended).outcome).not.toHaveProperty('nextMemoryMb');
    expect((await neighbour.ended).outcome.kind).toBe('succeeded');
  });

  it('in buffers, which no heap counts, is ended before the process is: the one that holds most', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRssMaxMb: 500 });
    const rogue = zoo.run('grows');
    await rogue.started;
    const innocent = zoo.run('sleeps', { ms: 2_000 });
    const { outcome } = await rogue.ended;
    expect(outcome).toMatchObject({ kind: 'failed', retryable: true, failure: { reason: 'OUT_OF_MEMORY' } });
    expect(outcome.kind === 'failed' && outcome.failure.message).toContain('reached its 500 MiB');
    expect((await innocent.ended).outcome.kind).toBe('succeeded');
    expect(zoo.pool.stats().cells[0]?.restarts).toBe(0);
  });

  it('in buffers, gives them all back: the allocator keeps none for later', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRssMaxMb: 700 });
    for (let round = 0; round < 5; round += 1) {
      expect((await zoo.run('grows').ended).outcome).toMatchObject({ failure: { reason: 'OUT_OF_MEMORY' } });
      const innocent = zoo.run('sleeps', { ms: 1_200 });
      await eventually('the memory is given back', () => {
        const { rssBytes } = zoo.pool.stats();
        return rssBytes > 0 && rssBytes < 250 * 2 ** 20;
      });
      expect((await innocent.ended).outcome.kind).toBe('succeeded');
    }
    expect(zoo.pool.stats().cells[0]?.restarts).toBe(0);
  });

  it('that left its buffers behind costs its thread, not the next run', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRssMaxMb: 500 });
    const full = (): boolean => zoo.pool.stats().rssBytes > 500 * 2 ** 20;
    const bystander = zoo.run('sleeps', { ms: 4_000 });
    await bystander.started;
    expect((await zoo.run('keeps', { mb: 500 }).ended).outcome.kind).toBe('succeeded');
    expect((await bystander.ended).outcome.kind).toBe('succeeded');
    await eventually('the memory is given back', () => zoo.pool.stats().rssBytes > 0 && !full());
    expect(zoo.log.some(({ message }) => message === 'cell is replaced')).toBe(false);
  });

  it('that large results have left in the main thread costs no later run', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRssMaxMb: 256 });
    for (let round = 0; round < 3; round += 1) {
      // Its copies on their way may take more than there is: that may cost itself.
      await zoo.run('bulky', { mb: 100 }).ended;
      expect((await zoo.run('sleeps', { ms: 1_000 }).ended).outcome.kind).toBe('succeeded');
    }
  });
});
