/** `troupe health` and `top`: whether all is well, and which queues need somebody most. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type OverviewInfo, TroupeClientError } from '../../client/index.ts';
import { given } from '../../domain/given.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { durationFlag, textFlag } from '../flags/flag-values.ts';
import { documentLine } from '../text/job-document.ts';
import { LiveTable } from '../text/live-table.ts';
import {
  healthText,
  isHealthy,
  sortedQueues,
  topFit,
  topHeader,
  topRow,
  topSorts,
  type TopSort,
  topText,
  topTitles,
} from '../text/overview-text.ts';

export function addHealthCommand(program: Command, context: CommandContext): void {
  program
    .command('health')
    .description(
      'say whether work flows, runs succeed and the figures are fresh, with the likeliest cause and next step',
    )
    .action(async (_flags: unknown, command: Command) => {
      const page = await withSession(context, command, async ({ client, isJson }) => {
        const overview = await client.cluster.overview({ signal: context.signal });
        context.terminal.out(isJson ? documentLine(healthDocument(overview)) : healthText(overview));
        return overview;
      });
      context.done(isHealthy(page) ? exitCodes.ok : exitCodes.unhealthy);
    });
}

function healthDocument(page: OverviewInfo): Readonly<Record<string, unknown>> {
  const { at, ageMs, workFlows, runsSucceed, figuresFresh, alerts, alertsOmitted } = page;
  return { healthy: isHealthy(page), at, ageMs, workFlows, runsSucceed, figuresFresh, alerts, alertsOmitted };
}

interface TopFlags {
  readonly once?: boolean;
  readonly interval: number;
  readonly sort: TopSort;
  readonly queue?: string;
}

const intervalMinMs = 250;
const intervalDefaultMs = 1_000;
/** A call that has no answer by then has failed. The next one follows. */
const callMaxMs = 5_000;

function sortFlag(text: string): TopSort {
  const sort = topSorts.find((one) => one === text);
  if (sort === undefined) throw new UsageError(`--sort ${text}: must be one of ${topSorts.join(', ')}`);
  return sort;
}

export function addTopCommand(program: Command, context: CommandContext): void {
  program
    .command('top')
    .description('show verdicts, alerts and the queues that need somebody most; live on a terminal (q or Ctrl-C quits)')
    .option('--once', 'print once and exit (default if the output is not a terminal)')
    .option(
      '--interval <duration>',
      'time between two updates (default: 1s)',
      durationFlag('interval'),
      intervalDefaultMs,
    )
    .option('--sort <order>', `${topSorts.join(', ')} (default: pressing; the key s changes it)`, sortFlag, 'pressing')
    .option('--queue <text>', 'list only queues whose name contains this text', textFlag('queue'))
    .action(async (flags: TopFlags, command: Command) => {
      if (flags.interval < intervalMinMs) throw new UsageError(`--interval: must be at least ${intervalMinMs}ms`);
      const isOnce =
        !context.terminal.isOutTerminal || flags.once === true || command.optsWithGlobals()['json'] === true;
      if (isOnce) await withSession(context, command, (session) => printTop(context, session, flags));
      else await withSession(context, command, (session) => new Top(context, session, flags).run(), { maxAttempts: 1 });
      context.done(exitCodes.ok);
    });
}

async function printTop(context: CommandContext, { client, isJson }: Session, flags: TopFlags): Promise<void> {
  const page = await client.cluster.overview({ ...given({ queueContains: flags.queue }), signal: context.signal });
  context.terminal.out(isJson ? documentLine(page) : topText(page, flags.sort));
}

/** Asks again and again, and keeps showing the last answer, with its age, while calls fail. */
class Top {
  readonly #context: CommandContext;
  readonly #session: Session;
  readonly #flags: TopFlags;
  readonly #table: LiveTable;
  readonly #quit = new AbortController();
  #sort: TopSort;
  #page: { readonly overview: OverviewInfo; readonly atMs: number } | undefined;
  #trouble: string | undefined;

  constructor(context: CommandContext, session: Session, flags: TopFlags) {
    this.#context = context;
    this.#session = session;
    this.#flags = flags;
    this.#table = new LiveTable(context.terminal);
    this.#sort = flags.sort;
  }

  /** Ends when somebody quits. Rejects with the first error if there was no answer at all. */
  async run(): Promise<void> {
    const { terminal, signal } = this.#context;
    const stopReading = terminal.readKeys((key) => this.#press(key));
    const until = AbortSignal.any([signal, this.#quit.signal]);
    try {
      while (!until.aborted) {
        if (await this.#ask(until)) this.#draw();
        await sleep(this.#flags.interval, undefined, { signal: until }).catch(() => undefined);
      }
    } finally {
      stopReading();
      this.#table.close();
    }
    signal.throwIfAborted();
  }

  #press(key: string): void {
    if (key === 'q') this.#quit.abort();
    if (key !== 's') return;
    this.#sort = topSorts[(topSorts.indexOf(this.#sort) + 1) % topSorts.length] ?? 'pressing';
    this.#draw();
  }

  /** Resolves to false if nobody wants an answer any more. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#session;
    const query = given({ queueContains: this.#flags.queue });
    try {
      const overview = await client.cluster.overview({ ...query, signal, timeoutMs: callMaxMs });
      this.#page = { overview, atMs: this.#context.nowMs() };
      this.#trouble = undefined;
    } catch (error) {
      if (signal.aborted) return false;
      if (this.#page === undefined) throw error;
      this.#trouble = error instanceof TroupeClientError ? error.code : oneLine(String(error));
    }
    return !signal.aborted;
  }

  #draw(): void {
    if (this.#page === undefined) return;
    const { overview, atMs } = this.#page;
    const ageMs = overview.ageMs + Math.max(0, this.#context.nowMs() - atMs);
    const titles = topTitles(overview, { ageMs, sort: this.#sort, ...given({ trouble: this.#trouble }) });
    const rows = sortedQueues(overview.queues, this.#sort).map(topRow);
    this.#table.draw(titles, topHeader, rows, topFit);
  }
}
