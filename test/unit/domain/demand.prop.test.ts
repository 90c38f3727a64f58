// The demand of a worker class: exact without limits, never more than limits allow, never less for want of knowledge.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClassMember,
  type ClusterLoad,
  type Demand,
  demandOf,
  type JobCount,
  noLoad,
  type StartLimits,
  queuesAwaiting,
  runsAtRate,
  slotsOf,
  type WorkerClass,
} from '../../../src/domain/demand.ts';

const count = fc.nat(50);
const queue = fc.constantFrom('a', 'b', 'c');
const handler = fc.constantFrom('one', 'two');
const version = fc.constantFrom('1.0.0', '2.0.0');
const need = fc.record({ handler, version: fc.constantFrom('1.0.0', '>=2') }, { requiredKeys: ['handler'] });
const waiting = fc.record({ queue, need, jobs: count }).map(({ queue: name, need: its, jobs }): JobCount => {
  return { tenant: 'default', queue: name, ...its, jobs };
});
const nodeIds = ['n1', 'n2', 'n3', 'n4'];
const running = fc
  .record({ of: waiting, node: fc.constantFrom(...nodeIds) })
  .map(({ of, node }): ClusterLoad['running'][number] => ({ ...of, node }));
const load = fc
  .record({
    waiting: fc.array(waiting, { maxLength: 12 }),
    running: fc.array(running, { maxLength: 12 }),
    heldByKey: fc.array(fc.record({ tenant: fc.constant('default'), queue, jobs: fc.nat(10) }), { maxLength: 3 }),
    omitted: fc.constant(0),
  })
  .map((made): ClusterLoad => made);
const freeLoad = load.map((made): ClusterLoad => ({ ...made, heldByKey: [] }));
const member = (nodeId: string) =>
  fc
    .record({
      workerClass: fc.constantFrom('small', 'large'),
      handlers: fc.array(fc.record({ name: handler, version }), { minLength: 1, maxLength: 2 }),
      draining: fc.boolean(),
    })
    .map((made): ClassMember => ({ nodeId, ...made }));
const members = fc.tuple(...nodeIds.map(member)).map((all): readonly ClassMember[] => all);
const limits = fc
  .dictionary(
    fc.constantFrom('default/a', 'default/b', 'default/c'),
    fc.record({ isClosed: fc.boolean(), runningMax: fc.nat(80) }, { requiredKeys: [] }),
  )
  .map((made): ReadonlyMap<string, StartLimits> => new Map(Object.entries(made)));

const noLimits: ReadonlyMap<string, StartLimits> = new Map();
const small: WorkerClass = { name: 'small' };
const sum = (counts: readonly { readonly jobs: number }[]): number => counts.reduce((all, { jobs }) => all + jobs, 0);
const have = [
  { name: 'one', version: '2.0.0' },
  { name: 'two', version: '1.0.0' },
];
function node(nodeId: string, workerClass: string, handlers: ClassMember['handlers'] = have): ClassMember {
  return { nodeId, workerClass, handlers, draining: false };
}
function job(jobs: number, more: Partial<JobCount> = {}): JobCount {
  return { tenant: 'default', queue: 'a', handler: 'one', jobs, ...more };
}

describe('the demand of a worker class', () => {
  it('is all that waits and runs, where there is one class that can run everything and nothing is limited', () => {
    const all = nodeIds.map((id) =>
      node(id, 'small', [...have, { name: 'one', version: '1.0.0' }, { name: 'two', version: '2.0.0' }]),
    );
    fc.assert(
      fc.property(freeLoad, (made) => {
        const demand = demandOf(made, small, { members: all, limits: noLimits });
        expect(demand).toEqual({ running: sum(made.running), waiting: sum(made.waiting) });
      }),
    );
  });

  it('shares the runs out among the classes: each is counted once', () => {
    fc.assert(
      fc.property(load, members, limits, (made, nodes, limited) => {
        const of = (name: string): Demand => demandOf(made, { name }, { members: nodes, limits: limited });
        expect(of('small').running + of('large').running).toBe(sum(made.running));
      }),
    );
  });

  it('does not grow past what the limits of queues let start', () => {
    fc.assert(
      fc.property(load, members, limits, (made, nodes, limited) => {
        const { waiting: wanted } = demandOf(made, small, { members: nodes, limits: limited });
        const room = ['a', 'b', 'c'].map((name) => {
          const { isClosed = false, runningMax = Infinity } = limited.get(`default/${name}`) ?? {};
          const its = (counts: readonly (JobCount | ClusterLoad['heldByKey'][number])[]): number =>
            sum(counts.filter((each) => each.queue === name));
          const free = its(made.waiting) - its(made.heldByKey);
          return isClosed ? 0 : Math.max(0, Math.min(free, runningMax - its(made.running)));
        });
        expect(wanted).toBeLessThanOrEqual(room.reduce((all, one) => all + one, 0));
        expect(wanted).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('does not grow past what the quota of a tenant lets start, and is no less than without', () => {
    const quota = fc.nat(80);
    fc.assert(
      fc.property(load, members, limits, quota, (made, nodes, limited, most) => {
        const free = demandOf(made, small, { members: nodes, limits: limited });
        const held = demandOf(made, small, { members: nodes, limits: limited, runningMaxOf: () => most });
        const room = Math.max(0, most - sum(made.running));
        expect(held).toEqual({ running: free.running, waiting: Math.min(free.waiting, room) });
        const other = demandOf(made, small, {
          members: nodes,
          limits: limited,
          runningMaxOf: (tenant) => (tenant === 'other' ? most : undefined),
        });
        expect(other).toEqual(free);
      }),
    );
  });

  it('never falls when more waits, or runs on one of its nodes, while no limit is reached', () => {
    fc.assert(
      fc.property(freeLoad, members, waiting, running, (made, nodes, more, run) => {
        const of = (one: ClusterLoad): number => slotsOf(demandOf(one, small, { members: nodes, limits: noLimits }));
        expect(of({ ...made, waiting: [...made.waiting, more] })).toBeGreaterThanOrEqual(of(made));
        expect(of({ ...made, running: [...made.running, run] })).toBeGreaterThanOrEqual(of(made));
      }),
    );
  });

  it('is never less for a class whose nodes are not known than for the same class with some', () => {
    fc.assert(
      fc.property(load, members, limits, (made, nodes, limited) => {
        const others = nodes.filter(({ workerClass }) => workerClass !== 'small');
        const known = demandOf(made, small, { members: nodes, limits: limited });
        const unknown = demandOf(made, small, { members: others, limits: limited });
        expect(slotsOf(unknown)).toBeGreaterThanOrEqual(slotsOf(known));
      }),
    );
  });

  it('counts what waits in the named queues alone, and runs wherever they came from', () => {
    const made: ClusterLoad = {
      ...noLoad,
      waiting: [job(3), job(5, { queue: 'b' })],
      running: [{ ...job(2, { queue: 'b' }), node: 'n1' }],
    };
    const options = { members: [node('n1', 'small')], limits: noLimits };
    expect(demandOf(made, { name: 'small', queues: ['a'] }, options)).toEqual({ running: 2, waiting: 3 });
    expect(queuesAwaiting(made, { name: 'small', queues: ['a'] }, options.members)).toEqual([
      { tenant: 'default', queue: 'a' },
    ]);
  });

  it('counts a job only for classes that meet its need, by what was declared if anything was', () => {
    const made: ClusterLoad = {
      ...noLoad,
      waiting: [job(1), job(10, { version: '>=3' }), job(100, { handler: 'far' })],
    };
    const options = { members: [node('n1', 'small')], limits: noLimits };
    const waitingFor = (wanted: WorkerClass): number => demandOf(made, wanted, options).waiting;
    expect(waitingFor(small)).toBe(1);
    expect(waitingFor({ name: 'small', handlers: ['one'] })).toBe(11);
    expect(waitingFor({ name: 'empty' })).toBe(111);
    expect(waitingFor({ name: 'empty', handlers: ['far'] })).toBe(100);
  });

  it('does not take what a draining node has for what the class can run, but counts its runs', () => {
    const made: ClusterLoad = { ...noLoad, waiting: [job(4)], running: [{ ...job(2), node: 'n1' }] };
    const nodes = [
      { ...node('n1', 'small'), draining: true },
      node('n2', 'small', [{ name: 'two', version: '1.0.0' }]),
    ];
    expect(demandOf(made, small, { members: nodes, limits: noLimits })).toEqual({ running: 2, waiting: 0 });
  });

  it('counts a job only for classes with a node that takes its tenant and has its handler', () => {
    const own = { ...node('n1', 'small'), takes: (tenant: string) => tenant === 'acme' };
    const all = { ...node('n2', 'large'), takes: (tenant: string) => tenant !== 'acme' };
    const load = { ...noLoad, waiting: [job(3, { tenant: 'acme' }), job(5)] };
    const of = (name: string, more: Partial<WorkerClass> = {}) =>
      demandOf(load, { name, ...more }, { members: [own, all], limits: noLimits });
    expect([of('small').waiting, of('large').waiting]).toEqual([3, 5]);
    expect(of('small', { handlers: ['one'] }).waiting).toBe(3);
    // Nobody knows which tenants a class without nodes takes.
    expect(of('new').waiting).toBe(8);
    expect(queuesAwaiting(load, { name: 'small' }, [own, all])).toEqual([{ tenant: 'acme', queue: 'a' }]);
  });

  it('counts the runs of a node that is gone for each class that could run them', () => {
    const made: ClusterLoad = { ...noLoad, running: [{ ...job(2), node: 'gone' }] };
    const nodes = [node('n1', 'small'), node('n2', 'large', [{ name: 'two', version: '1.0.0' }])];
    expect(demandOf(made, small, { members: nodes, limits: noLimits }).running).toBe(2);
    expect(demandOf(made, { name: 'large' }, { members: nodes, limits: noLimits }).running).toBe(0);
  });

  it('counts what was not told apart, for everybody', () => {
    expect(demandOf({ ...noLoad, omitted: 7 }, small, { members: [], limits: noLimits })).toEqual({
      running: 0,
      waiting: 7,
    });
  });

  it('takes of a rate as many runs as it keeps going', () => {
    expect(runsAtRate(2, 3_000)).toBe(7);
    expect(runsAtRate(0.1, 100)).toBe(2);
  });
});
