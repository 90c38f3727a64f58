/** Parts of large calls: one in each turn of the loop, tenants in turns. */
import { describe, expect, it } from 'vitest';
import { SubmitTurns } from '../../../../src/application/jobs/submit-turns.ts';

function setUp() {
  const ends: (() => void)[] = [];
  const began: string[] = [];
  const turns = new SubmitTurns((then) => ends.push(then));
  return {
    ends,
    began,
    wait: (tenant: string, part: string) => void turns.next(tenant).then(() => began.push(part)),
    /** The loop turns once. */
    async turn(): Promise<readonly string[]> {
      for (const end of ends.splice(0)) end();
      await Promise.resolve();
      return began.splice(0);
    },
  };
}

describe('parts of large calls', () => {
  it('begin one in each turn of the loop', async () => {
    const { wait, turn, ends } = setUp();
    for (const part of ['a', 'b', 'c']) wait('flood', part);
    expect([await turn(), await turn(), await turn(), await turn()]).toEqual([['a'], ['b'], ['c'], []]);
    expect(ends).toEqual([]);
  });

  it('of a tenant do not wait behind all those of another', async () => {
    const { wait, turn } = setUp();
    for (const part of ['a', 'b', 'c', 'd']) wait('flood', part);
    expect(await turn()).toEqual(['a']);
    for (const part of ['1', '2']) wait('calm', part);
    const order: string[] = [];
    for (let turns = 0; turns < 5; turns += 1) order.push(...(await turn()));
    expect(order).toEqual(['b', '1', 'c', '2', 'd']);
  });

  it('that come when nothing waits any more have their turn again', async () => {
    const { wait, turn } = setUp();
    wait('flood', 'a');
    expect(await turn()).toEqual(['a']);
    await turn();
    wait('flood', 'b');
    expect(await turn()).toEqual(['b']);
  });
});
