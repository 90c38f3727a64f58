/**
 * Follows jobs to their end. It shows progress bars on a terminal, and otherwise one line per ended job. At most
 * `watchesMax` jobs are watched at once. The others wait their turn and miss nothing.
 */
import type { JobInfo, JobLog, TroupeClient } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { jobRow, stateText } from '../text/job-text.ts';
import { ProgressBars, type ProgressRow } from '../text/progress-bars.ts';
import type { Terminal } from '../text/terminal.ts';

export interface FollowedJob {
  readonly id: string;
  /** A label for people: the input file, or the id. */
  readonly label: string;
}

export interface FollowOptions {
  readonly client: TroupeClient;
  readonly jobs: readonly FollowedJob[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Show neither bars nor lines. */
  readonly quiet: boolean;
  /** The text for standard output when a job changes, and when it ends. Default: none. */
  readonly changeText?: (job: JobInfo, followed: FollowedJob) => string;
  readonly endText?: (job: JobInfo, followed: FollowedJob) => string;
  /**
   * Handles a job that cannot be followed to its end. If it throws, or is undefined, following all jobs ends with the
   * error.
   */
  readonly onError?: (error: unknown, followed: FollowedJob) => void;
  /** Called for each ended job, once its result is written. */
  readonly onEnd?: (followed: FollowedJob) => void;
  /** Formats the log lines of its attempts, to be shown as they arrive; default: logs are not requested. */
  readonly logText?: (log: JobLog, followed: FollowedJob) => string;
}

const watchesMax = 32;
const rowsMax = 8;

class Board {
  readonly #options: FollowOptions;
  readonly #bars: ProgressBars;
  readonly #rows = new Map<string, ProgressRow>();
  #ended = 0;
  #unsuccessful = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#bars = new ProgressBars(options.terminal);
  }

  change(job: JobInfo, followed: FollowedJob): void {
    this.#rows.set(followed.id, jobRow(followed.label, job, this.#options.nowMs()));
    this.#bars.print('', this.#options.changeText?.(job, followed));
    this.#show();
  }

  end(job: JobInfo, followed: FollowedJob): void {
    this.#rows.delete(followed.id);
    this.#ended += 1;
    if (job.state !== 'SUCCEEDED') this.#unsuccessful += 1;
    const { quiet, nowMs, endText } = this.#options;
    const line = quiet ? '' : `${oneLine(followed.label)}  ${stateText(job, nowMs())}\n`;
    this.#bars.print(line, endText?.(job, followed));
    this.#show();
  }

  print(text: string): void {
    if (text !== '') this.#bars.print(text);
    this.#show();
  }

  close(): void {
    this.#bars.clear();
  }

  #show(): void {
    if (this.#options.quiet) return;
    const { jobs } = this.#options;
    const running = [...this.#rows.values()].filter((row) => row.fraction !== undefined).slice(0, rowsMax);
    const others = jobs.length === 1 ? [...this.#rows.values()].filter((row) => row.fraction === undefined) : [];
    const total: ProgressRow = {
      label: `${this.#ended} of ${jobs.length} done`,
      fraction: this.#ended / jobs.length,
      note: this.#unsuccessful === 0 ? '' : `${this.#unsuccessful} without success`,
    };
    this.#bars.show([...running, ...others, ...(jobs.length > 1 ? [total] : [])]);
  }
}

async function followOne(options: FollowOptions, board: Board, followed: FollowedJob): Promise<JobInfo> {
  const { client, signal, logText } = options;
  for await (const { job, log } of client.watch(followed.id, { signal, logs: logText !== undefined })) {
    if (logText !== undefined) board.print(logText(log, followed));
    if (job.final) return job;
    board.change(job, followed);
  }
  // A watch ends with the final state. If a gateway ends it earlier, ask for the job.
  return client.wait(followed.id, { signal });
}

/** Resolves to the final jobs, in the order of `jobs`. Rejects with the first error, and when `signal` is aborted. */
export async function followJobs(options: FollowOptions): Promise<readonly JobInfo[]> {
  const board = new Board(options);
  const ended = new Map<string, JobInfo>();
  const waiting = options.jobs.values();
  const runner = async (): Promise<void> => {
    for (const followed of waiting) {
      try {
        const job = await followOne(options, board, followed);
        ended.set(followed.id, job);
        board.end(job, followed);
        options.onEnd?.(followed);
      } catch (error) {
        if (options.onError === undefined) throw error;
        options.onError(error, followed);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(watchesMax, options.jobs.length) }, runner));
  } finally {
    board.close();
  }
  return options.jobs.flatMap(({ id }) => ended.get(id) ?? []);
}
