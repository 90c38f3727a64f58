/** The flow rules that a process knows: read at their first use and again in time, and forgotten when nobody asks. */
import { expect, it } from 'vitest';
import { createFlowRules } from '../../../../src/application/queues/flow-rules.ts';
import { defaultQueueSettings, type Queue } from '../../../../src/domain/queue.ts';
import { createVirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { silentLog } from '../../../support/stores.ts';

const minuteMs = 60_000;

function setUp() {
  const clock = createVirtualClock();
  const queues = new Map<string, Queue>();
  const announced = new Map<string, number>();
  const reads: string[] = [];
  const told: string[] = [];
  const watchers: (() => void)[] = [];
  const rules = createFlowRules({
    store: {
      async findQueue(tenant, name) {
        reads.push(`${tenant}/${name}`);
        return queues.get(`${tenant}/${name}`);
      },
      listQueues: async () => [...queues.values()],
    },
    config: {
      queues: () => announced,
      onChange(watcher) {
        watchers.push(watcher);
        return () => undefined;
      },
    },
    clock,
    log: silentLog,
  });
  rules.onChange((tenant, queue) => void told.push(`${tenant}/${queue}`));
  const make = (name: string, maxRunning: number): void => {
    const settings = { ...defaultQueueSettings, flow: { maxRunning } };
    const stamps = { version: 1, createdAtMs: 0, updatedAtMs: 0 };
    queues.set(`acme/${name}`, { tenant: 'acme', name, queueNo: queues.size + 1, settings, ...stamps });
  };
  const wait = async (ms: number): Promise<void> => {
    clock.step(clock.monotonicMs() + ms);
    await new Promise((resolve) => void setImmediate(resolve));
  };
  const announce = (name: string, stamp: number): void => {
    announced.set(`acme/${name}`, stamp);
    for (const watcher of watchers) watcher();
  };
  return { rules, queues, announced, announce, reads, told, make, wait };
}

it('a rule that nobody asks for stays while its queue is there, and its changes are told', async () => {
  const { rules, told, make, wait } = setUp();
  make('busy', 1);
  make('idle', 2);
  await rules.prepare();
  for (let minute = 0; minute < 25; minute += 1) {
    await wait(minuteMs + 1);
    expect(rules.ruleOf('acme', 'busy')).toEqual({ maxRunning: 1 });
  }
  expect(rules.ruleOf('acme', 'idle')).toEqual({ maxRunning: 2 });
  expect(told).toEqual([]);
});

it('a rule is not read for being idle while the shared configuration has its queue', async () => {
  const { rules, announced, reads, make, wait } = setUp();
  for (const name of ['busy', 'idle', 'lost']) make(name, 2);
  announced.set('acme/idle', 1);
  await rules.prepare();
  for (let minute = 0; minute < 25; minute += 1) {
    await wait(minuteMs + 1);
    rules.ruleOf('acme', 'busy');
  }
  expect(reads.filter((key) => key === 'acme/idle')).toEqual([]);
  expect(reads.filter((key) => key === 'acme/lost').length).toBeLessThanOrEqual(3);
  expect(rules.ruleOf('acme', 'lost')).toEqual({ maxRunning: 2 });
});

it('queues that come and go leave nothing behind', async () => {
  const { rules, queues, reads, make, wait } = setUp();
  await rules.prepare();
  for (let n = 0; n < 50; n += 1) {
    make(`q${n}`, 3);
    rules.ruleOf('acme', `q${n}`);
    await wait(0);
    expect(rules.ruleOf('acme', `q${n}`)).toEqual({ maxRunning: 3 });
  }
  queues.clear();
  // Until they are idle, the first look, and what it finds.
  for (let look = 0; look < 3; look += 1) {
    await wait(10 * minuteMs);
    rules.ruleOf('acme', 'other');
  }
  await wait(0);
  reads.length = 0;
  // A name that is known is answered at once.
  for (let n = 0; n < 50; n += 1) expect(rules.ruleOf('acme', `q${n}`)).toBeUndefined();
  expect(rules.ruleOf('acme', 'other')).toEqual({});
});

it('reads 100 rules at a time at most, to know whether their queues are gone', async () => {
  const { rules, reads, make, wait } = setUp();
  for (let n = 0; n < 350; n += 1) make(`q${n}`, 3);
  await rules.prepare();
  rules.ruleOf('acme', 'q0');
  await wait(10 * minuteMs);
  rules.ruleOf('acme', 'q0');
  await wait(0);
  expect(new Set(reads).size).toBe(101);
});

it('whoever has the rule of a deleted queue for long hears of a new queue of that name', async () => {
  const { rules, queues, announce, told, make, wait } = setUp();
  make('again', 1);
  await rules.prepare();
  const has = { rule: rules.ruleOf('acme', 'again') };
  // As the shards do: they ask when they are told, and at no other time.
  rules.onChange((tenant, queue) => {
    has.rule = rules.ruleOf(tenant, queue);
  });
  queues.clear();
  for (let minute = 0; minute < 25; minute += 1) {
    await wait(minuteMs);
    rules.ruleOf('acme', 'other');
  }
  expect(told).toContain('acme/again');
  make('again', 2);
  announce('again', Date.now());
  await wait(0);
  expect(has.rule).toEqual({ maxRunning: 2 });
});
