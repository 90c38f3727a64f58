// Durations, tables, bars, exit codes: what people and scripts read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ActorInfo, type JobInfo, TroupeClientError } from '../../../../src/client/index.ts';
import { infoText, psFit, psHeader, psRow, psTable, shardTable } from '../../../../src/cli/text/cluster-text.ts';
import { parseExactJson } from '../../../../src/cli/text/exact-json.ts';
import { durationText, relativeText } from '../../../../src/cli/text/duration-text.ts';
import { parseDurationMs } from '../../../../src/domain/duration-text.ts';
import { exitCodeOf, exitCodes, UsageError } from '../../../../src/cli/errors/exit-code.ts';
import { explainError } from '../../../../src/cli/errors/explain-error.ts';
import { documentLine } from '../../../../src/cli/text/job-document.ts';
import { exitCodeOfStates, jobRow, jobTable, jobText, stateText } from '../../../../src/cli/text/job-text.ts';
import { logLines } from '../../../../src/cli/text/log-text.ts';
import { ProgressBars, rowText } from '../../../../src/cli/text/progress-bars.ts';
import { treeText } from '../../../../src/cli/text/tree-text.ts';
import { fitTable, tableText } from '../../../../src/cli/text/text-table.ts';
import { jobStates } from '../../../../src/domain/job.ts';
import { ConfigError } from '../../../../src/config/index.ts';
import { type ErrorCode, errorRegistry } from '../../../../src/domain/errors.ts';
import { recordedTerminal } from '../../../support/recorded-terminal.ts';

const nowMs = Date.parse('2030-01-01T00:00:00Z');

function job(parts: Partial<JobInfo> = {}): JobInfo {
  const at = new Date(nowMs - 5_000);
  return {
    id: 'j',
    handler: 'test.echo',
    queue: 'default',
    state: 'QUEUED',
    final: false,
    seq: 1,
    attempt: 0,
    failures: 0,
    losses: 0,
    oomRetries: 0,
    withheld: false,
    createdAt: at,
    updatedAt: at,
    readyAt: at,
    expiresAt: at,
    ...{
      executionTimeoutMs: 1,
      retentionMs: 1,
      payloadRetentionMs: 1,
      priority: 2,
      labels: {},
      history: [],
      attempts: [],
    },
    retry: { maxAttempts: 3, initialDelayMs: 1, coefficient: 2, maxDelayMs: 2 },
    ...parts,
  };
}

function clientError(code: ErrorCode | 'GATEWAY_UNAVAILABLE', message = 'no'): TroupeClientError {
  return new TroupeClientError({ code, message, status: 'X', retryable: false, outcome: 'none' });
}

describe('a job whose payloads are withheld', () => {
  it('shows how large its output is, and what it takes to see it', () => {
    expect(jobText(job({ withheld: true, outputWithheldBytes: 12 }), nowMs)).toMatch(
      /^output +withheld: 12 bytes \(needs payloads\.read\)$/m,
    );
  });
});

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['0.5s', 500],
    ['7d', 604_800_000],
    ['5 s', 5_000],
  ])('reads %s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', '5', 'five', '5  s', '-5s', '5sx', '1h30'])('refuses %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it('reads back what it writes, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60_000, max: 30 * 86_400_000 }), (ms) => {
        const back = parseDurationMs(durationText(ms).replaceAll(' ', '')) ?? Number.NaN;
        expect(back).toBeLessThanOrEqual(ms);
        expect(ms - back).toBeLessThan(ms < 3_600_000 ? 1_000 : ms < 86_400_000 ? 60_000 : 3_600_000);
      }),
    );
  });

  it('speaks of past and future', () => {
    expect(relativeText(nowMs - 3_000, nowMs)).toBe('3s ago');
    expect(relativeText(nowMs + 90_000, nowMs)).toBe('in 1m 30s');
    expect(relativeText(nowMs + 10, nowMs)).toBe('now');
  });
});

describe('texts about jobs', () => {
  it.each(jobStates)('has words for %s', (state) => {
    expect(stateText(job({ state }), nowMs)).toMatch(new RegExp(`^${state}`));
    expect(jobText(job({ state }), nowMs)).toContain(state);
  });

  it('says why a job failed and how far it is', () => {
    const failure = { reason: 'HANDLER_FAILED', message: 'no such file\nsecond line' } as const;
    expect(stateText(job({ state: 'FAILED', failure }), nowMs)).toBe('FAILED: HANDLER_FAILED no such file');
    const progress = { fraction: 0.404, note: 'tile 3' };
    expect(stateText(job({ state: 'RUNNING', progress }), nowMs)).toBe('RUNNING 40% tile 3');
    expect(jobRow('a', job({ state: 'RUNNING', progress }), nowMs)).toEqual({ label: 'a', ...progress });
    expect(jobRow('a', job(), nowMs).fraction).toBeUndefined();
  });

  it('tells each attempt in a line: how it ended, after how long, where and why; or since when it runs', () => {
    const [startedAt, endedAt] = [new Date(nowMs - 5_000), new Date(nowMs - 3_500)];
    const failed = { reason: 'HANDLER_FAILED', code: 'ENOENT', message: 'no such file\nsecond line' } as const;
    const text = jobText(
      job({
        attempts: [
          { number: 1, node: 'a', startedAt, endedAt, outcome: 'failed', ...failed },
          { number: 2, startedAt, endedAt, outcome: 'lost' },
          { number: 3, node: 'b', startedAt },
        ],
      }),
      nowMs,
    );
    expect(text).toContain(
      [
        'attempts  #1 failed after 1.5s on a: HANDLER_FAILED ENOENT no such file',
        '          #2 lost after 1.5s',
        '          #3 started 5s ago on b\n',
      ].join('\n'),
    );
  });

  it('tells how many attempts have failed and been lost, and how many may', () => {
    const retry = { maxAttempts: 3, initialDelayMs: 1, coefficient: 2, maxDelayMs: 2 };
    const once = { ...retry, maxAttempts: 1, maxLosses: 0 };
    expect(jobText(job({ attempt: 2, failures: 1, losses: 0, retry }), nowMs)).toContain(
      'attempt   2 (1 of 3 failed, 0 lost)\n',
    );
    expect(jobText(job({ attempt: 1, failures: 0, losses: 1, oomRetries: 0, retry: once }), nowMs)).toContain(
      'attempt   1 (0 of 1 failed, 1 of at most 0 lost)\n',
    );
  });

  it('aligns columns without blanks at the end', () => {
    expect(tableText(['A', 'LONG'], [['xxx', 'y']])).toBe('A    LONG\nxxx  y\n');
  });
});

describe('exit codes', () => {
  it('tell the worst of several jobs', () => {
    expect(exitCodeOfStates(['SUCCEEDED', 'SUCCEEDED'])).toBe(exitCodes.ok);
    expect(exitCodeOfStates(['SUCCEEDED', 'CANCELLED'])).toBe(exitCodes.jobCancelled);
    expect(exitCodeOfStates(['CANCELLED', 'EXPIRED'])).toBe(exitCodes.jobFailed);
  });

  it.each(Object.keys(errorRegistry) as ErrorCode[])('has one for %s that is not success', (code) => {
    expect(Object.values(exitCodes)).toContain(exitCodeOf(clientError(code)));
    expect(exitCodeOf(clientError(code))).not.toBe(exitCodes.ok);
  });

  it('tell usage from trouble', () => {
    expect(exitCodeOf(new UsageError('x'))).toBe(exitCodes.usage);
    expect(exitCodeOf(new ConfigError([]))).toBe(exitCodes.usage);
    expect(exitCodeOf(clientError('GATEWAY_UNAVAILABLE'))).toBe(exitCodes.unreachable);
    expect(exitCodeOf(clientError('JOB_NOT_FOUND'))).toBe(exitCodes.notFound);
    expect(exitCodeOf(new Error('bug'))).toBe(exitCodes.internal);
  });

  it('come with an explanation that names the field', () => {
    const error = new TroupeClientError({
      code: 'INVALID_JOB_SPEC',
      message: 'the job is not valid',
      status: 'INVALID_ARGUMENT',
      retryable: false,
      outcome: 'none',
      violations: [{ field: 'job.input.width', description: 'must be at least 1' }],
    });
    expect(explainError(error)).toBe('INVALID_JOB_SPEC: the job is not valid\n  job.input.width: must be at least 1');
    expect(explainError(clientError('GATEWAY_UNAVAILABLE'))).toContain('npm start');
  });
});

describe('words of others', () => {
  const evil = 'x\u001B]0;title\u0007\ny';

  it('stay on their line, and are not obeyed', () => {
    const failed = job({ state: 'FAILED', failure: { reason: 'HANDLER_FAILED', message: evil, stack: evil } });
    const cancelled = job({ state: 'CANCELLED', cancelReason: evil, labels: { a: evil }, uniqueKey: evil });
    for (const text of [jobText(failed, nowMs), jobText(cancelled, nowMs), jobTable([failed, cancelled], nowMs)]) {
      expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
    }
    expect(jobTable([failed, cancelled], nowMs).trim().split('\n')).toHaveLength(3);
    expect(stateText(cancelled, nowMs)).toBe('CANCELLED: x\\x1b]0;title\\x07 y');
  });

  it('do not pass for log lines of their own', () => {
    const at = new Date(nowMs);
    const lines = [{ attempt: 1, number: 1, at, level: 'info' as const, text: `a\n00:00:00.000 1 error ${evil}` }];
    const text = logLines({ lines, skipped: 0 }, false, 'j');
    expect(text.split('\n').map((line) => line.slice(0, 21))).toEqual([
      '00:00:00.000 1 info  ',
      ' '.repeat(21),
      ' '.repeat(21),
      '',
    ]);
    expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it('are escapes in JSON', () => {
    const line = documentLine({ text: 'a\u009B2J\u007F\u202E' });
    expect(line).toBe('{"text":"a\\u009b2J\\u007f\\u202e"}\n');
    expect(JSON.parse(line)).toEqual({ text: 'a\u009B2J\u007F\u202E' });
  });

  it('are made printable by the terminal itself, whoever writes', () => {
    const terminal = recordedTerminal();
    terminal.out(`${evil}\n`);
    terminal.err(`${evil}\n`);
    expect(terminal.written).toEqual({ out: 'x\\x1b]0;title\\x07\ny\n', err: 'x\\x1b]0;title\\x07\ny\n' });
  });
});

describe('numbers', () => {
  it('are printed as they were stored', () => {
    const text = '{"id":1970670598291982290,"f":1.10,"e":1e400,"n":-0,"list":[1,2.0,"3.0",null,true]}';
    expect(JSON.stringify(parseExactJson(text))).toBe(text);
  });
});

describe('progress bars', () => {
  it('are out of the way of results on the same terminal', async () => {
    const terminal = recordedTerminal({ isTerminal: true });
    const order: string[] = [];
    const bars = new ProgressBars({
      ...terminal,
      drawErr: (text) => void order.push(text.includes('\u001B[1A') ? 'erased' : 'drawn'),
      err: () => void order.push('line'),
      out: () => void order.push('result'),
    });
    bars.show([{ label: 'a', note: 'x' }]);
    await expect.poll(() => order).toEqual(['drawn']);
    bars.print('line\n', 'out/a.png\n');
    expect(order).toEqual(['drawn', 'erased', 'line', 'result', 'drawn']);
    bars.clear();
  });

  it('fit the width of the terminal, whatever a handler says', () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0, max: 1, noNaN: true }), fc.string(), (label, fraction, note) => {
        const text = rowText({ label, fraction, note }, 80);
        expect(text.length).toBeLessThan(80);
        expect(text).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('draw nothing where there is no terminal', () => {
    const terminal = recordedTerminal();
    const bars = new ProgressBars(terminal);
    bars.show([{ label: 'a', note: 'b' }]);
    bars.print('line\n');
    bars.clear();
    expect(terminal.written.err).toBe('line\n');
  });

  it('draw in place on a terminal, and leave nothing behind', async () => {
    const terminal = recordedTerminal({ isTerminal: true });
    const bars = new ProgressBars(terminal);
    bars.show([
      { label: 'a', fraction: 0.5, note: 'x' },
      { label: 'b', note: 'y' },
    ]);
    await expect.poll(() => terminal.written.err).toMatch(/█{12}░{12} {2}50% {2}x\nb +y\n$/);
    bars.clear();
    expect(terminal.written.err.endsWith('\u001B[2A\u001B[0J')).toBe(true);
  });
});

describe('the cluster', () => {
  function actor(path: string, parts: Partial<ActorInfo> = {}): ActorInfo {
    return {
      node: 'n1',
      path,
      kind: 'shard',
      state: 'running',
      startedAt: new Date(nowMs - 90_000),
      restarts: 0,
      restartsInWindow: 0,
      mailboxSize: 1,
      mailboxCapacity: 64,
      stashed: 0,
      messages: 9,
      messageRate: 2.25,
      busyMs: 3,
      busyShare: 0.034,
      facts: {},
      ...parts,
    };
  }

  it('is a table with a row for each actor, and its last error without its control characters', () => {
    const failed = actor('/node/b', {
      ...{
        restartsInWindow: 2,
        restartLimit: 5,
        lastError: 'no\u001B[2J way\nat x',
        lastErrorAt: new Date(nowMs - 4_000),
      },
    });
    const [header, first, second] = psTable([actor('/node/a'), failed], nowMs).split('\n');
    expect(header).toMatch(/^NODE +PATH +STATE +UP +RST +MBOX +RATE +BUSY +INFO$/);
    expect(first).toMatch(/^n1 +\/node\/a +running +1m 30s +- +1\/64 +2\.3\/s +3%$/);
    expect(second).toMatch(/^n1 +\/node\/b +running +1m 30s +2\/5 .* error: no\\x1b\[2J way \(4s ago\)$/);
  });

  it('fits 80 columns, so that a run says how far it is', () => {
    const runId = '01a226ba-133f-7001-8000-05c3e95f26a4#1';
    const run = { jobId: runId, attempt: 1, handler: 'image.thumbnail', progress: 0.4, note: 'tile 4', suspect: false };
    const actors = [actor('/node/shards/shard:0'), actor(`/node/workers/runs/${runId}`, { run, mailboxCapacity: 0 })];
    const rows = actors.map((row) => psRow(row, nowMs));
    const narrow = fitTable({ header: psHeader, rows }, 80, psFit);
    const line = tableText(narrow.header, narrow.rows).split('\n')[2]?.slice(0, 80);
    expect(line).toContain('40%  image.thumbnail  tile 4');
    expect(fitTable({ header: psHeader, rows }, 300, psFit)).toEqual({ header: psHeader, rows });
  });

  it('has rows of runs and cells that are no actors', () => {
    const run = { jobId: 'j', attempt: 2, handler: 'h', thread: 3, progress: 0.43, note: 'tile 4', suspect: true };
    const row = actor('/r', {
      mailboxCapacity: 0,
      run: { ...run, pulseAt: new Date(nowMs - 200), deadline: new Date(nowMs + 9_000) },
    });
    expect(infoText(row, nowMs)).toBe('43%  h  tile 4  thread 3  pulse 200ms  ends in 9s  suspect');
    const cell = { pid: 7, rssBytes: 2_097_152, eventLoopUtilization: 0.5, threads: 2, busy: 1, leaked: 1 };
    expect(infoText(actor('/c', { cell }), nowMs)).toBe('pid 7  rss 2 MiB  loop 50%  busy 1/2  leaked 1');
  });

  it('is drawn as a tree, node by node', () => {
    const rows = [
      actor('/', { kind: 'node' }),
      actor('/node', { kind: 'root' }),
      actor('/node/shards', { kind: 'shard-manager' }),
      actor('/node/shards/shard:1'),
      actor('/node/workers', { kind: 'workers', state: 'waiting' }),
      actor('/', { node: 'n2', kind: 'node', state: 'silent' }),
    ];
    expect(treeText(rows, nowMs)).toBe(
      [
        'n1  running',
        '└─ node (root)  running',
        '   ├─ shards (shard-manager)  running',
        '   │  └─ shard:1  running',
        '   └─ workers  waiting',
        '',
        'n2  silent',
        '',
      ].join('\n'),
    );
  });

  it('shows shards without an owner as such', () => {
    const empty = { epoch: 0, jobs: [], backlog: 0, undurable: 0, outbox: 0 };
    expect(shardTable([{ number: 3, state: 'unowned', ...empty }])).toMatch(/^3 +unowned +- +- +- +0 +0 +0 +-$/m);
  });
});
