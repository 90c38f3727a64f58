import { beforeEach, describe, expect, it } from 'vitest';
import type { Outcome, WriteCall } from '../../../../../src/adapters/sqlite/database/database.ts';
import { lockWaitMs } from '../../../../../src/adapters/sqlite/database/lock-wait.ts';
import { RequestOrder, type Answer } from '../../../../../src/adapters/sqlite/thread/request-order.ts';
import type { StoreRequest } from '../../../../../src/adapters/sqlite/thread/thread-messages.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';

/** What another process that writes makes of a transaction. */
function locked(): TroupeError {
  const cause = Object.assign(new Error('database is locked'), { errcode: 5 });
  return new TroupeError('STORE_UNAVAILABLE', { cause });
}

describe('the order of the work of the store thread', () => {
  let nowMs: number;
  let lastId: number;
  let done: string[];
  let answers: Answer[];
  let arriving: (() => void)[];
  let isLocked: boolean;
  let transact: (calls: readonly WriteCall[]) => readonly Outcome[];
  let turns: boolean[];
  let order: RequestOrder;

  beforeEach(() => {
    [nowMs, lastId, done, answers, arriving, isLocked, turns] = [0, 0, [], [], [], false, []];
    transact = (calls) => calls.map(({ args }) => ({ value: args[0] }));
    order = new RequestOrder({
      database: {
        write(calls) {
          if (isLocked) throw locked();
          const outcomes = transact(calls);
          done.push(calls.map(({ args }) => String(args[0])).join('+'));
          return outcomes;
        },
        read(_name, args) {
          nowMs += 2;
          done.push(String(args[0]));
          if (args[0] === 'broken') throw new Error('broken');
          return args[0];
        },
      },
      checkpoints: { written: () => undefined, turn: (isIdle) => turns.push(isIdle) },
      nowMs: () => nowMs,
      random: () => 0.5,
      arrivals: () => arriving.shift()?.(),
      answer: (some) => answers.push(...some),
    });
  });

  function request(what: string, isWrite: boolean): StoreRequest {
    lastId += 1;
    return { id: lastId, isWrite, name: isWrite ? 'commit' : 'findJob', args: [what] };
  }
  const write = (what: string): void => {
    order.add(request(what, true));
  };
  const read = (what: string): void => {
    order.add(request(what, false));
  };

  it('is the writes that wait, together, and then the reads', () => {
    read('a');
    write('1');
    read('b');
    write('2');
    expect(order.run()).toBeUndefined();
    expect(done).toEqual(['1+2', 'a', 'b']);
    expect(answers.map(({ id }) => id)).toEqual([2, 4, 1, 3]);
  });

  it('lets no write wait for more than one piece of a long list', () => {
    for (const piece of ['a', 'b', 'c', 'd']) read(piece);
    arriving = [() => undefined, () => undefined, () => write('1'), () => undefined, () => write('2')];
    order.run();
    expect(done).toEqual(['a', 'b', '1', 'c', '2', 'd']);
  });

  it('gives reads their turn though there is always another write', () => {
    for (let n = 1; n <= 40; n += 1) write(`${n}`);
    arriving = [() => undefined, () => read('a'), () => read('b'), () => read('c')];
    order.run();
    expect(done.map((what) => (what.includes('+') ? 'writes' : what))).toEqual([
      'writes',
      'a',
      'writes',
      'b',
      'writes',
      'c',
    ]);
  });

  it('puts at most 16 writes into one transaction', () => {
    for (let n = 1; n <= 18; n += 1) write(String(n));
    order.run();
    expect(done.map((together) => together.split('+').length)).toEqual([16, 2]);
  });

  it('answers each request with its own outcome, and all of a transaction that is lost with the error', () => {
    const lost = new TroupeError('OUTCOME_UNKNOWN');
    read('broken');
    write('1');
    write('2');
    transact = () => {
      throw lost;
    };
    order.run();
    expect(answers).toEqual([
      { id: 2, outcome: { error: lost } },
      { id: 3, outcome: { error: lost } },
      { id: 1, outcome: { error: new Error('broken') } },
    ]);
  });

  it('reads on while another process holds the file, and writes when it is free', () => {
    isLocked = true;
    write('1');
    read('a');
    const againInMs = order.run() ?? Number.NaN;
    expect(againInMs).toBeLessThanOrEqual(3);
    expect(done).toEqual(['a']);
    isLocked = false;
    nowMs += againInMs;
    expect(order.run()).toBeUndefined();
    expect(done).toEqual(['a', '1']);
  });

  it('gives writes up that have waited too long for the file, and the next ones wait anew', () => {
    isLocked = true;
    write('1');
    order.run();
    nowMs += lockWaitMs;
    expect(order.run()).toBeUndefined();
    expect(answers).toMatchObject([{ id: 1, outcome: { error: { code: 'STORE_UNAVAILABLE' } } }]);
    write('2');
    expect(order.run()).toBeDefined();
    expect(answers).toHaveLength(1);
  });

  it('refuses what still waits for the file when it is closed', () => {
    isLocked = true;
    write('1');
    order.run();
    order.close();
    expect(answers).toMatchObject([{ id: 1, outcome: { error: { code: 'SHUTTING_DOWN' } } }]);
    isLocked = false;
    order.run();
    expect(done).toEqual([]);
  });

  it('says after each transaction that it is busy, and that it is idle once nothing is left', () => {
    write('1');
    arriving = [() => undefined, () => write('2')];
    order.run();
    expect(turns).toEqual([false, false, true]);
  });
});
