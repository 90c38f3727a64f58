// The size of the overview: whatever the names and numbers are, the answer keeps to its bound and says what is left out.
import { describe, expect, it } from 'vitest';
import type { Overview } from '../../../src/application/overview/get-overview.ts';
import { figuresOf } from '../../../src/application/overview/queue-figures.ts';
import type { Alert } from '../../../src/application/overview/alerts.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import { createOverviewMapper } from '../../../src/gateway/overview-mapper.ts';
import { defaultQueueSettings, type Queue } from '../../../src/domain/queue.ts';
import { noFigures, noSurvey, type SurveyRow } from '../../../src/domain/queue-survey.ts';
import type { Verdict } from '../../../src/domain/verdicts.ts';

const { responseSerialize, responseDeserialize } = loadContract().cluster.GetOverview;
const sizeOf = (answer: Parameters<typeof responseSerialize>[0]): number => responseSerialize(answer).length;
const toOverview = createOverviewMapper(sizeOf);
const nowMs = 1_700_000_000_000;
const maxBytes = 65_536;

const verdict: Verdict = { grade: 'good', sentence: 'All is well.', cause: '', command: '' };
const queue: Queue = {
  tenant: 'default',
  name: 'q',
  queueNo: 1,
  settings: { ...defaultQueueSettings, maxDepth: 100_000_000, flow: { maxRunning: 1_000_000, paused: true } },
  version: 1,
  createdAtMs: nowMs,
  updatedAtMs: nowMs,
};

/** Every number as long as it can be. */
function largestRow(n: number): SurveyRow {
  const rate = 12_345.678_9 + n;
  return {
    ...noFigures,
    queue: `${n}`.padStart(64, 'x'),
    waiting: [4e9, 4e9, 4e8, 4e9, 4e9].map((jobs) => jobs % 4_294_967_295),
    later: 4_000_000_000,
    running: 4_000_000_000,
    ...{ arrivals: rate, starts: rate, ends: rate, failedAttempts: rate, failedJobs: rate },
    oldestReadyAtMs: 1,
    waits: [90, 1, 2, 3],
  };
}

function overview(rows: readonly SurveyRow[], more: Partial<Overview> = {}): Overview {
  return {
    nowMs,
    askedAtMs: nowMs - 12,
    ageMs: 12,
    workFlows: verdict,
    runsSucceed: verdict,
    figuresFresh: verdict,
    alerts: [],
    survey: noSurvey,
    queues: rows.map((row) => figuresOf(row, queue, true)),
    queuesTotal: 10_000,
    queuesMatching: 10_000,
    failures: [],
    shards: 8,
    silentShards: 0,
    ...more,
  };
}

const decoded = (page: Overview) => responseDeserialize(responseSerialize(toOverview(page)));

describe('the size of an overview', () => {
  it('keeps all 200 queues of usual size', () => {
    const rows = Array.from({ length: 200 }, (_, n) => ({ ...noFigures, queue: `reports-${n}`, waits: [30, 1, 2] }));
    const answer = toOverview(overview(rows));
    expect(answer.queues).toHaveLength(200);
    expect(sizeOf(answer)).toBeLessThan(maxBytes / 2);
  });

  it('leaves out the least pressing queues where names and numbers are as long as can be', () => {
    const hostile = '\u202E\u{1F480}'.repeat(200);
    const alert: Alert = {
      ...{ kind: 'queue-quarantined', grade: 'bad', sentence: hostile, subject: hostile, sinceMs: nowMs },
      ...{ page: 'docs/operating/visibility.md#quarantine-of-a-queue', command: `troupe resume ${'x'.repeat(64)}` },
    };
    const failure = {
      code: hostile,
      count: 1e9,
      lastAtMs: nowMs,
      queue: 'x'.repeat(64),
      handler: 'h'.repeat(64),
      jobId: '1',
    };
    const rows = Array.from({ length: 200 }, (_, n) => largestRow(n));
    const page = overview(rows, {
      alerts: Array.from({ length: 90 }, () => alert),
      failures: Array.from({ length: 70 }, () => failure),
      workFlows: { grade: 'bad', sentence: 'Bad.', cause: hostile.repeat(9), command: 'troupe nodes' },
    });
    const bytes = sizeOf(toOverview(page));
    expect(bytes).toBeLessThanOrEqual(maxBytes);
    const { queues, alerts, alertsOmitted, failures, failuresOmitted, queuesTotal } = decoded(page);
    expect(queues.length).toBeGreaterThan(50);
    expect(queues.map(({ name }) => name)).toEqual(rows.slice(0, queues.length).map((row) => row.queue));
    expect([alerts.length, alertsOmitted]).toEqual([40, 50]);
    expect([failures.length, failuresOmitted]).toEqual([20, 50]);
    expect(queuesTotal).toBe(10_000);
    expect(alerts[0]?.sentence.isWellFormed()).toBe(true);
  });

  it('is measured once for all who see the same list, and each has its own time', () => {
    let measured = 0;
    const map = createOverviewMapper((answer) => {
      measured += 1;
      return sizeOf(answer);
    });
    const page = overview([largestRow(1)], { failures: [] });
    const [first, second] = [map(page), map({ ...page, nowMs: nowMs + 500, ageMs: 512 })];
    expect(measured).toBe(1);
    expect(second.queues).toBe(first.queues);
    expect(responseDeserialize(responseSerialize(second)).age).toMatchObject({ nanos: 512_000_000 });
  });

  it('says that the cluster is withheld, and shows it otherwise', () => {
    expect(decoded(overview([]))).toMatchObject({ cluster: null, clusterWithheld: true });
    const slots = { total: 8, used: 3, free: 5 };
    const cluster = { nodes: [{ state: 1, version: '1.0.0', nodes: 2 }], slots, silentNodes: [], unowned: [4, 5] };
    expect(decoded(overview([], { cluster }))).toMatchObject({
      cluster: { slotsTotal: 8, slotsUsed: 3, slotsFree: 5, shardsUnowned: 2 },
      clusterWithheld: false,
    });
  });

  it('has ages that are never negative, and no distribution of a queue without starts', () => {
    const ahead = { ...noFigures, queue: 'q', waits: [], waiting: [0, 0, 1, 0, 0], oldestReadyAtMs: nowMs + 5_000 };
    const [row] = decoded(overview([ahead])).queues;
    expect(row).toMatchObject({ waiting: 1, waitP50: null, waitP99: null, maxDepth: 100_000_000, paused: true });
    expect(Number(row?.oldestAge?.seconds ?? 0)).toBe(0);
  });
});
