/** A thread can write to the pipe between its cell and the node: what it writes costs the cell, and the node nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Telemetry } from '../../src/application/ports/runtime.ts';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

afterEach(async () => {
  await zoo.stop();
});

/** Notes the cause of each end of a cell. */
function countingExits(causes: unknown[]): Telemetry {
  const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined };
  return {
    counter: ({ name }) =>
      name === 'troupe_cell_exits_total' ? { add: (_, labels) => void causes.push(labels?.['cause']) } : nothing,
    gauge: () => nothing,
    histogram: () => nothing,
  };
}

describe('a handler that writes to the node by itself', () => {
  it.each(['noise', 'length', 'body', 'start', 'end', 'pulse'])(
    'loses its cell, and nothing else: %s',
    async (what) => {
      const causes: unknown[] = [];
      const telemetry = countingExits(causes);
      zoo = await startPool({ handlerDirs: [zooDir], threads: 2, cells: 2, telemetry });
      const elsewhere = zoo.run('sleeps', { ms: 1_500 });
      await elsewhere.started;
      // In its own name, which it can guess.
      const forger = zoo.run('forges', { what, runId: 'forges#2' });
      expect((await forger.ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
      const why = zoo.log.find(({ message }) => message === 'cell compromised')?.fields['why'];
      expect(why).toMatch(/ended by its parent: it sent (what is no frame|a frame with a wrong MAC)/);
      expect(causes).toEqual(['compromised']);
      expect((await elsewhere.ended).outcome.kind).toBe('succeeded');
      await eventually('the cell is up again', () => zoo.pool.capacity() >= 2);
      expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
    },
  );

  it('does not end the run of another: both are suspects, and each runs again alone', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 2, cells: 1 });
    const other = zoo.run('never');
    await other.started;
    const forger = zoo.run('forges', { what: 'end', runId: other.runId });
    const suspect = { kind: 'lost', blame: 'suspect' };
    expect((await other.ended).outcome).toEqual(suspect);
    expect((await forger.ended).outcome).toEqual(suspect);
    const again = zoo.run('forges', { what: 'end', runId: other.runId }, { suspect: true });
    expect((await again.ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
  });
});
