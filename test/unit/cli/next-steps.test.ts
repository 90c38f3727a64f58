// Every command that the cluster or the CLI says to go on with exists, and so does every page.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alertsOf } from '../../../src/application/overview/alerts.ts';
import { figuresOf } from '../../../src/application/overview/queue-figures.ts';
import type { JobInfo } from '../../../src/client/index.ts';
import { runCli } from '../../../src/cli/main.ts';
import { adviceOn, explainText } from '../../../src/cli/text/explain-text.ts';
import { jobStates } from '../../../src/domain/job.ts';
import { defaultQueueSettings } from '../../../src/domain/queue.ts';
import { noFigures } from '../../../src/domain/queue-survey.ts';
import { areFiguresFresh, doesWorkFlow, doRunsSucceed } from '../../../src/domain/verdicts.ts';
import { waitingReasons } from '../../../src/domain/why-waiting.ts';
import { recordedTerminal } from '../../support/recorded-terminal.ts';

const root = new URL('../../../', import.meta.url);
const nowMs = 1_700_000_000_000;

const row = { ...noFigures, queue: 'reports', waits: [], waiting: [0, 0, 9, 0, 0], failedAttempts: 1, ends: 1 };
const settings = { ...defaultQueueSettings, maxDepth: 10 };
const queue = { tenant: 't', name: 'reports', queueNo: 1, settings, version: 1, createdAtMs: 0, updatedAtMs: 0 };
const cluster = {
  nodes: [],
  slots: { total: 1, used: 0, free: 1 },
  silentNodes: ['n1'],
  unowned: Array.from({ length: 12 }, (_, n) => n),
};

/** One of each kind. */
const alerts = [true, false].flatMap((hasWorkers) =>
  alertsOf({
    ...{ shards: 16, silentShards: hasWorkers ? 0 : 1, ageMs: 20_000, hasWorkers, waiting: 9, cluster },
    fresh: areFiguresFresh({ ageMs: 20_000, shards: 16, silentShards: 0 }),
    unserved: [{ handler: 'pdf.make', jobs: 1, queue: 'reports' }],
    marks: [{ tenant: 't', queue: 'reports', reason: 'looked at', sinceMs: nowMs }],
    queues: [figuresOf(row, queue, false)],
    quotas: [
      { quota: 'running_jobs', used: 8, most: 10 },
      { quota: 'stored_bytes', used: 7, most: 10 },
    ],
  }),
);

const flow = {
  ...{ waiting: 5, pausedWaiting: 0, quarantinedWaiting: 0, unservedWaiting: 0, limitedWaiting: 0, running: 1 },
  ...{ oldestWaitMs: 900_000, arrivalsPerSecond: 5, startsPerSecond: 0, hasWorkers: true, queue: 'reports' },
  ...{ shards: 8, silentShards: 0 },
};
const verdicts = [
  doesWorkFlow(flow),
  doesWorkFlow({ ...flow, startsPerSecond: 1 }),
  doesWorkFlow({ ...flow, hasWorkers: false }),
  doesWorkFlow({ ...flow, limitedWaiting: 5 }),
  doesWorkFlow({ ...flow, quarantinedWaiting: 5 }),
  doesWorkFlow({ ...flow, slots: { total: 1, free: 0 } }),
  doesWorkFlow({ ...flow, silentShards: 8 }),
  doRunsSucceed({ endsPerSecond: 0, failedAttemptsPerSecond: 1, failedJobsPerSecond: 1, recentFailures: 9 }),
];

const job = { id: 'JOB', queue: 'reports', handler: 'h', readyAt: new Date(nowMs), final: false } as unknown as JobInfo;
const jobs: readonly JobInfo[] = [
  ...jobStates.map((state) => ({ ...job, state })),
  { ...job, state: 'UNKNOWN' },
  ...[...waitingReasons, 'UNKNOWN' as const].map((reason) => ({
    ...job,
    state: 'QUEUED' as const,
    waiting: { reason, detail: 'it waits' },
  })),
];

describe('what to do next', () => {
  it('has all kinds of alerts, worst first, each with a sentence', () => {
    expect(new Set(alerts.map(({ kind }) => kind)).size).toBe(10);
    for (const { sentence } of alerts) expect(sentence).toMatch(/\S\.?$/);
    const grades = alerts
      .slice(
        0,
        alerts.findIndex(({ kind }) => kind === 'no-workers'),
      )
      .map(({ grade }) => grade);
    expect(grades).toEqual([...grades].sort());
    expect(alerts.find(({ kind }) => kind === 'shard-unowned')?.subject).toBe('0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …');
    expect(alerts.find(({ kind }) => kind === 'queue-nearly-full')?.sentence).toContain('90 % full: it holds 9 of 10');
  });

  it('is a command that there is', async () => {
    const commands = new Set([
      ...[...alerts, ...verdicts].map(({ command }) => command),
      ...jobs.flatMap((one) => adviceOn(one).next),
    ]);
    for (const command of commands) {
      const terminal = recordedTerminal();
      const [program, ...words] = command.split(' ');
      const names = words.filter((word) => /^[a-z-]+$/.test(word) && word !== 'reports').slice(0, 2);
      const code = await runCli([...names.filter((word) => !word.startsWith('--')), '--help'], { terminal });
      expect([command, program, code]).toEqual([command, 'troupe', 0]);
      const usage = terminal.written.out.split('\n')[0];
      expect(usage).toContain(`troupe ${names.filter((word) => !word.startsWith('--')).join(' ')}`);
      for (const flag of words.filter((word) => word.startsWith('--'))) expect(terminal.written.out).toContain(flag);
    }
  });

  it('is a page that there is, at a heading that it has', () => {
    for (const { page } of alerts) {
      const [path = '', anchor = ''] = page.split('#');
      expect(existsSync(new URL(path, root)), path).toBe(true);
      const headings = readFileSync(new URL(path, root), 'utf8').match(/^#+ .*$/gm) ?? [];
      const anchors = headings.map((heading) =>
        heading
          .replace(/^#+ /, '')
          .toLowerCase()
          .replaceAll(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(anchors, page).toContain(anchor);
    }
  });

  it('fits on one screen for every state and reason', () => {
    for (const one of jobs) {
      const lines = explainText(one, nowMs + 1_000)
        .trimEnd()
        .split('\n');
      expect(lines.length).toBeLessThanOrEqual(12);
      expect(lines.filter((line) => line.includes('troupe ')).length).toBeGreaterThanOrEqual(2);
    }
  });
});
