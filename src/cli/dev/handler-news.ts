/**
 * Prints news of handlers for their developer. Log lines of handlers are rate-limited, so that they do not bury other
 * output, and the number of omitted lines is reported. All lines are in the job's own log. Control characters are made
 * visible.
 */
import type { FileChange, FileProblem, HandlerNews } from '../../application/ports/handler-news.ts';
import { clipped } from '../../domain/clipped-text.ts';
import { oneLine } from '../../domain/printable.ts';
import { durationText } from '../text/duration-text.ts';

/** Rate limit of handlers' lines: a burst, then a rate per second. */
export const lineBurst = 100;
export const linesPerSecond = 20;
export const lineMaxChars = 500;
const leftOutSaidMs = 1_000;
const namesMax = 8;
const filesMax = 3;
const reasonMaxChars = 300;

export interface HandlerNewsOptions {
  readonly say: (line: string) => void;
  readonly nowMs: () => number;
  readonly setTimer: (delayMs: number, fire: () => void) => () => void;
}

export class HandlerNewsLines {
  readonly #options: HandlerNewsOptions;
  #tokens = lineBurst;
  #refilledAtMs: number;
  #leftOut = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(options: HandlerNewsOptions) {
    this.#options = options;
    this.#refilledAtMs = options.nowMs();
  }

  tell(news: HandlerNews): void {
    if (news.kind !== 'line') this.#options.say(newsText(news));
    else if (news.level !== 'debug') this.#line(news);
  }

  close(): void {
    this.#cancelTimer();
    this.#sayLeftOut();
  }

  #line({ handler, jobId, level, text }: Extract<HandlerNews, { kind: 'line' }>): void {
    const nowMs = this.#options.nowMs();
    this.#tokens = Math.min(lineBurst, this.#tokens + ((nowMs - this.#refilledAtMs) / 1_000) * linesPerSecond);
    this.#refilledAtMs = nowMs;
    if (this.#tokens < 1) {
      if (this.#leftOut === 0)
        this.#cancelTimer = this.#options.setTimer(leftOutSaidMs, () => {
          this.#sayLeftOut();
        });
      this.#leftOut += 1;
      return;
    }
    this.#tokens -= 1;
    this.#cancelTimer();
    this.#sayLeftOut();
    const shown = text.length > lineMaxChars ? `${clipped(text, lineMaxChars)}…` : text;
    const mark = level === 'info' ? '' : `${level}: `;
    this.#options.say(oneLine(`[${handler} ${shortId(jobId)}] ${mark}${shown}`));
  }

  #sayLeftOut(): void {
    if (this.#leftOut > 0)
      this.#options.say(
        `... ${this.#leftOut} more lines of handlers omitted; \`troupe logs JOB\` shows those of a job`,
      );
    this.#leftOut = 0;
  }
}

/** The end of the id, because the beginning is the same for jobs of one moment. */
function shortId(jobId: string): string {
  return `…${jobId.slice(-8)}`;
}

function newsText(news: Exclude<HandlerNews, { kind: 'line' }>): string {
  switch (news.kind) {
    case 'reloaded': {
      const left = news.problems.length === 0 ? '' : `; not loaded: ${problemsText(news.problems)}`;
      return oneLine(`reloaded ${someOf(news.handlers, namesMax) || 'no handler'}${changesText(news.changes)}${left}`);
    }
    case 'not-reloaded':
      return oneLine(`not reloaded, the old code stays${changesText(news.changes)}: ${problemsText(news.problems)}`);
    case 'left-out': {
      const rest = durationText(news.restMs);
      return oneLine(
        `${someOf(news.files, filesMax)}: changes again and again, so it causes no reload until it has been unchanged for ${rest}`,
      );
    }
  }
}

/** For example ` (resize.ts changed, old.job.ts gone)`. */
function changesText(changes: readonly FileChange[]): string {
  const texts = changes.map(({ file, how }) => `${file} ${how}`);
  return texts.length === 0 ? '' : ` (${someOf(texts, filesMax)})`;
}

function problemsText(problems: readonly FileProblem[]): string {
  const texts = problems.map(({ file, reason }) => {
    const why = reason.length > reasonMaxChars ? `${clipped(reason, reasonMaxChars)}…` : reason;
    return file === '' ? why : `${file}: ${why}`;
  });
  return someOf(texts, filesMax);
}

function someOf(texts: readonly string[], max: number): string {
  const more = texts.length - max;
  return texts.slice(0, max).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
