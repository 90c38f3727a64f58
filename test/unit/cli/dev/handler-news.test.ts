// What `troupe dev` says of handlers: reloads and their failures, and what handlers print, bounded and harmless.
import { describe, expect, it } from 'vitest';
import type { HandlerNews } from '../../../../src/application/ports/handler-news.ts';
import { HandlerNewsLines, lineBurst, lineMaxChars, linesPerSecond } from '../../../../src/cli/dev/handler-news.ts';
import { parseJobId } from '../../../../src/domain/job-id.ts';

const jobId = parseJobId('01960000-0000-7000-8000-0000deadbeef');

function teller() {
  const said: string[] = [];
  const timers: { atMs: number; fire: () => void; live: boolean }[] = [];
  const clock = { nowMs: 0 };
  const news = new HandlerNewsLines({
    say: (line) => said.push(line),
    nowMs: () => clock.nowMs,
    setTimer(delayMs, fire) {
      const timer = { atMs: clock.nowMs + delayMs, fire, live: true };
      timers.push(timer);
      return () => {
        timer.live = false;
      };
    },
  });
  const advance = (ms: number): void => {
    clock.nowMs += ms;
    for (const timer of timers.splice(0)) {
      if (timer.live && timer.atMs <= clock.nowMs) timer.fire();
      else timers.push(timer);
    }
  };
  const line = (text: string, level: Extract<HandlerNews, { kind: 'line' }>['level'] = 'info'): void => {
    if (jobId === undefined) throw new Error('not an id');
    news.tell({ kind: 'line', handler: 'resize', jobId, level, text });
  };
  return { said, news, advance, line };
}

describe('a reload', () => {
  it('is one line: the handlers, and what made it', () => {
    const { said, news } = teller();
    const changes = [{ file: 'resize.ts', how: 'changed' as const }];
    news.tell({ kind: 'reloaded', handlers: ['resize', 'ocr'], changes, problems: [] });
    news.tell({
      kind: 'reloaded',
      handlers: ['resize'],
      changes,
      problems: [{ file: 'ocr.job.ts', reason: 'no licence' }],
    });
    expect(said).toEqual([
      'reloaded resize, ocr (resize.ts changed)',
      'reloaded resize (resize.ts changed); not loaded: ocr.job.ts: no licence',
    ]);
  });

  it('that fails says why, and that the old code stays', () => {
    const { said, news } = teller();
    const changes = [{ file: 'lib.ts', how: 'changed' as const }];
    const problems = [{ file: 'a.job.ts', reason: `syntax error\n\u001b[2Jat ${'x'.repeat(1_000)}` }];
    news.tell({ kind: 'not-reloaded', changes, problems });
    expect(said[0]).toMatch(
      /^not reloaded, the old code stays \(lib\.ts changed\): a\.job\.ts: syntax error \\x1b\[2Jat x+…$/,
    );
    expect(said[0]?.length).toBeLessThan(500);
    news.tell({ kind: 'not-reloaded', changes: [], problems: [{ file: '', reason: 'the folder is gone' }] });
    expect(said[1]).toBe('not reloaded, the old code stays: the folder is gone');
  });

  it('of many handlers and files names some', () => {
    const { said, news } = teller();
    const handlers = Array.from({ length: 20 }, (_, at) => `h${at}`);
    const changes = Array.from({ length: 5 }, (_, at) => ({ file: `f${at}.ts`, how: 'new' as const }));
    news.tell({ kind: 'reloaded', handlers, changes, problems: [] });
    expect(said).toEqual([
      'reloaded h0, h1, h2, h3, h4, h5, h6, h7 and 12 more (f0.ts new, f1.ts new, f2.ts new and 2 more)',
    ]);
  });

  it('that a file is written too often for is said', () => {
    const { said, news } = teller();
    news.tell({ kind: 'left-out', files: ['state.db'], restMs: 60_000 });
    expect(said).toEqual([
      'state.db: changes again and again, so it causes no reload until it has been unchanged for 1m',
    ]);
  });
});

describe('what a handler says', () => {
  it('is one line with its handler and the end of its job id; a terminal has nothing to obey in it', () => {
    const { said, line } = teller();
    line('half done');
    line('a\u001b[31mred\r\nsecond\u0007 line', 'warn');
    line('seen by nobody', 'debug');
    line('ä'.repeat(lineMaxChars + 1), 'error');
    expect(said).toEqual([
      '[resize …deadbeef] half done',
      '[resize …deadbeef] warn: a\\x1b[31mred second\\x07 line',
      `[resize …deadbeef] error: ${'ä'.repeat(lineMaxChars)}…`,
    ]);
  });

  it('passes at a bounded rate; what is left out is counted, within a second or before the next line', () => {
    const { said, line, advance, news } = teller();
    for (let at = 0; at < lineBurst + 7; at += 1) line(`line ${at}`);
    expect(said).toHaveLength(lineBurst);
    advance(999);
    expect(said).toHaveLength(lineBurst);
    advance(1);
    expect(said.at(-1)).toBe('... 7 more lines of handlers omitted; `troupe logs JOB` shows those of a job');
    for (let at = 0; at < linesPerSecond + 2; at += 1) line(`more ${at}`);
    expect(said).toHaveLength(lineBurst + 1 + linesPerSecond);
    advance(100);
    line('after a pause');
    expect(said.slice(-2)).toEqual([
      '... 2 more lines of handlers omitted; `troupe logs JOB` shows those of a job',
      '[resize …deadbeef] after a pause',
    ]);
    // Said once.
    advance(5_000);
    expect(said).toHaveLength(lineBurst + 1 + linesPerSecond + 2);
    for (let at = 0; at < lineBurst + 1; at += 1) line('x');
    news.close();
    expect(said.at(-1)).toMatch(/^\.\.\. 1 more/);
  });

  it('does not hold up the news of a reload', () => {
    const { said, line, news } = teller();
    for (let at = 0; at < 1_000; at += 1) line('flood');
    news.tell({ kind: 'reloaded', handlers: ['a'], changes: [], problems: [] });
    expect(said.at(-1)).toBe('reloaded a');
  });
});
