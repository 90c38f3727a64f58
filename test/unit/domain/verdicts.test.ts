// Each branch of the three verdicts. A case names only what differs from a cluster in which all is well.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  areFiguresFresh,
  doesWorkFlow,
  doRunsSucceed,
  failureShare,
  type FlowFacts,
  type FreshFacts,
  type RunFacts,
  spoken,
} from '../../../src/domain/verdicts.ts';

const flowing: FlowFacts = {
  waiting: 0,
  pausedWaiting: 0,
  quarantinedWaiting: 0,
  unservedWaiting: 0,
  limitedWaiting: 0,
  running: 0,
  oldestWaitMs: 0,
  arrivalsPerSecond: 0,
  startsPerSecond: 0,
  hasWorkers: true,
  slots: { total: 4, free: 4 },
  queue: 'reports',
  shards: 8,
  silentShards: 0,
};
const { slots: _slots, ...withoutSlots } = flowing;
/** Five jobs have waited for two minutes, and nothing starts. */
const still = { waiting: 5, oldestWaitMs: 120_000 };

describe('does work flow?', () => {
  it.each<[string, FlowFacts, string, RegExp, string]>([
    ['no shard answers', { ...flowing, silentShards: 8 }, 'unknown', /No shard has answered/, 'troupe shards'],
    ['nothing waits', flowing, 'good', /Nothing waits/, ''],
    ['only paused jobs wait', { ...flowing, waiting: 5, pausedWaiting: 5 }, 'good', /paused/, ''],
    ['no worker, jobs', { ...flowing, hasWorkers: false, waiting: 1 }, 'bad', /1 job waits/, 'troupe nodes'],
    ['no slot, jobs', { ...flowing, slots: { total: 0, free: 0 }, waiting: 2 }, 'bad', /2 jobs wait/, 'troupe nodes'],
    ['no worker, idle', { ...flowing, hasWorkers: false }, 'doubtful', /Nothing waits either/, 'troupe nodes'],
    [
      'no worker, all paused',
      { ...flowing, hasWorkers: false, waiting: 5, pausedWaiting: 5 },
      'doubtful',
      /No worker is alive/,
      'troupe nodes',
    ],
    ['all unserved', { ...flowing, ...still, unservedWaiting: 5 }, 'bad', /no live worker can run any/, 'troupe nodes'],
    [
      'all in quarantine',
      { ...flowing, ...still, quarantinedWaiting: 5 },
      'bad',
      /all of it in queues in quarantine/,
      'troupe queues list',
    ],
    ['it has just begun', { ...flowing, waiting: 5, oldestWaitMs: 29_000 }, 'good', /the oldest for 29 s/, ''],
    ['jobs start', { ...flowing, ...still, startsPerSecond: 1 }, 'good', /Work flows/, ''],
    [
      'some are unserved',
      { ...flowing, ...still, startsPerSecond: 1, unservedWaiting: 2 },
      'doubtful',
      /2 of 5 waiting jobs/,
      'troupe nodes',
    ],
    [
      'some are in quarantine',
      { ...flowing, ...still, startsPerSecond: 1, quarantinedWaiting: 1 },
      'doubtful',
      /1 job waits in queues in quarantine/,
      'troupe queues list',
    ],
    [
      'a backlog grows',
      { ...flowing, waiting: 900, oldestWaitMs: 300_000, startsPerSecond: 1, arrivalsPerSecond: 20 },
      'doubtful',
      /the oldest of 900 waiting jobs has waited 5 min/,
      'troupe queues stats reports',
    ],
    [
      'a backlog shrinks',
      { ...flowing, waiting: 900, oldestWaitMs: 300_000, startsPerSecond: 20, arrivalsPerSecond: 1 },
      'good',
      /Work flows/,
      '',
    ],
    [
      'limits of queues hold all',
      { ...flowing, ...still, limitedWaiting: 5, running: 1 },
      'doubtful',
      /held by the limits of their queues/,
      'troupe queues get reports',
    ],
    [
      'all slots are in use',
      { ...flowing, ...still, slots: { total: 4, free: 0 }, running: 4 },
      'doubtful',
      /all 4 slots are in use/,
      'troupe ps',
    ],
    [
      'slots are free',
      { ...flowing, ...still },
      'bad',
      /4 of 4 slots are free, and nothing starts/,
      'troupe list --queue reports --state QUEUED',
    ],
    [
      'slots are unknown, some run',
      { ...withoutSlots, ...still, running: 3 },
      'doubtful',
      /while 3 run/,
      'troupe list --queue reports --state QUEUED',
    ],
    [
      'slots are unknown, none runs',
      { ...withoutSlots, ...still },
      'bad',
      /nothing runs/,
      'troupe list --queue reports --state QUEUED',
    ],
  ])('%s', (_name, facts, grade, sentence, command) => {
    const verdict = doesWorkFlow(facts);
    expect(verdict).toMatchObject({ grade, command });
    expect(verdict.sentence).toMatch(sentence);
    expect(verdict.cause === '').toBe(grade === 'good');
  });

  it('is never better with paused jobs than without, and always has a sentence', () => {
    const count = fc.nat(20);
    const facts = fc.record({
      ...{ waiting: count, unservedWaiting: count, quarantinedWaiting: count, limitedWaiting: count, running: count },
      oldestWaitMs: fc.nat(1_000_000),
      ...{ startsPerSecond: fc.nat(3), arrivalsPerSecond: fc.nat(3), hasWorkers: fc.boolean() },
      slots: fc.option(fc.record({ total: fc.nat(4), free: fc.nat(4) }), { nil: undefined }),
      silentShards: fc.nat(8),
    });
    fc.assert(
      fc.property(facts, ({ slots, ...some }) => {
        const base = { ...withoutSlots, ...some, ...(slots && { slots }) };
        const paused = { ...base, waiting: base.waiting + 7, pausedWaiting: 7 };
        expect(doesWorkFlow(paused).grade).toBe(doesWorkFlow(base).grade);
        expect(doesWorkFlow(base).sentence).toMatch(/^[A-Z0-9].*\.$/);
      }),
    );
  });
});

const succeeding: RunFacts = {
  endsPerSecond: 10,
  failedAttemptsPerSecond: 0,
  failedJobsPerSecond: 0,
  recentFailures: 0,
};
const most = { code: 'E_DISK', queue: 'reports', handler: 'pdf.make', count: 41.6 };

describe('do runs succeed?', () => {
  it.each<[string, RunFacts, string, RegExp]>([
    ['none has ended', { ...succeeding, endsPerSecond: 0 }, 'unknown', /No run has ended lately/],
    ['none fails', succeeding, 'good', /^Runs succeed\.$/],
    ['few fail', { ...succeeding, failedAttemptsPerSecond: 0.5, recentFailures: 9, most }, 'good', /5 % of them fail/],
    ['a third fails', { ...succeeding, failedAttemptsPerSecond: 5, recentFailures: 9, most }, 'doubtful', /33 %/],
    ['most fail', { ...succeeding, failedAttemptsPerSecond: 30, recentFailures: 9, most }, 'bad', /75 % of the runs/],
    [
      'one has failed, and nothing else has run',
      { endsPerSecond: 0, failedAttemptsPerSecond: 0.02, failedJobsPerSecond: 0, recentFailures: 1, most },
      'doubtful',
      /100 %/,
    ],
    [
      'jobs expire without an attempt',
      { endsPerSecond: 2, failedAttemptsPerSecond: 0, failedJobsPerSecond: 2, recentFailures: 50, most },
      'bad',
      /100 %/,
    ],
  ])('%s', (_name, facts, grade, sentence) => {
    const verdict = doRunsSucceed(facts);
    expect(verdict.grade).toBe(grade);
    expect(verdict.sentence).toMatch(sentence);
    if (grade === 'doubtful' || grade === 'bad') {
      expect(verdict.cause).toContain(
        'Most often E_DISK, about 42 in five minutes, last in pdf.make of the queue reports',
      );
      expect(verdict.command).toBe('troupe list --queue reports --state FAILED');
    }
  });

  it('says so if no code is known', () => {
    expect(doRunsSucceed({ ...succeeding, failedAttemptsPerSecond: 30, recentFailures: 9 })).toMatchObject({
      grade: 'bad',
      command: 'troupe queues list',
    });
  });

  it('is judged by a share from 0 to 1', () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(rate, rate, rate, (endsPerSecond, failedAttemptsPerSecond, failedJobsPerSecond) => {
        const share = failureShare({ endsPerSecond, failedAttemptsPerSecond, failedJobsPerSecond });
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }),
    );
  });
});

const fresh: FreshFacts = { ageMs: 400, shards: 8, silentShards: 0 };

describe('are the figures fresh?', () => {
  it.each<[string, FreshFacts, string, RegExp]>([
    ['there are no shards', { ...fresh, shards: 0 }, 'unknown', /no shards/],
    ['all answered', fresh, 'good', /All shards answered/],
    ['one shard is silent', { ...fresh, silentShards: 1 }, 'doubtful', /1 of 8 shards did not answer/],
    ['half are silent', { ...fresh, silentShards: 4 }, 'bad', /4 of 8 shards did not answer/],
    ['they are 5 s old', { ...fresh, ageMs: 5_000 }, 'doubtful', /5 s old/],
    ['they are 15 s old', { ...fresh, ageMs: 15_000 }, 'bad', /15 s old/],
    ['a node is silent', { ...fresh, silentNodes: 1 }, 'doubtful', /1 node does not answer/],
    ['nodes are silent', { ...fresh, silentNodes: 2 }, 'doubtful', /2 nodes do not answer/],
    ['no node is silent', { ...fresh, silentNodes: 0 }, 'good', /All shards answered/],
  ])('%s', (_name, facts, grade, sentence) => {
    const verdict = areFiguresFresh(facts);
    expect(verdict.grade).toBe(grade);
    expect(verdict.sentence).toMatch(sentence);
  });
});

it('durations are spoken in one unit', () => {
  const said = [0, 1_400, 99_000, 120_000, 5_400_000, 7_200_000, 259_200_000].map(spoken);
  expect(said).toEqual(['0 s', '1 s', '99 s', '2 min', '90 min', '2 h', '3 d']);
});
