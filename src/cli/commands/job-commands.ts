/** `troupe get`, `watch`, `list`, `reschedule`. */
import { type Command, Option } from 'commander';
import type { JobInfo, JobLog } from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { eachJob, isOfOneJob, tellOfJob } from '../calls/each-job.ts';
import { UsageError, exitCodeOf, exitCodes } from '../errors/exit-code.ts';
import { addEndedFilterFlags, type EndedFilterFlags, endedFilterOf } from '../flags/filter-flags.ts';
import { countFlag, durationFlag, timeFlag } from '../flags/flag-values.ts';
import { type FollowedJob, followJobs } from '../calls/follow-jobs.ts';
import { documentLine, jobDocument } from '../text/job-document.ts';
import { adviceOn, explainText } from '../text/explain-text.ts';
import { exitCodeOfStates, jobTable, jobText, stateText } from '../text/job-text.ts';
import { logLines } from '../text/log-text.ts';
import { writeOutput } from '../calls/output-file.ts';
import { given } from '../../domain/given.ts';

function print(context: CommandContext, isJson: boolean, job: JobInfo): void {
  context.terminal.out(isJson ? documentLine(jobDocument(job)) : jobText(job, context.nowMs()));
}

interface GetFlags {
  readonly output?: string;
  readonly why?: boolean;
}

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command('get <job...>')
    .description('show the present state of jobs, with their outputs')
    .option('--output <file>', 'write the output of the job to this file (one job only)')
    .addOption(new Option('--why', 'also say why it does not run: `troupe explain` does').hideHelp())
    .action(async (ids: readonly string[], flags: GetFlags, command: Command) => {
      const { output, why: explain = false } = flags;
      if (output !== undefined && ids.length > 1) throw new UsageError('--output needs exactly one job id');
      const code = await withSession(context, command, async (session) => {
        let shown = 0;
        return eachJob(context, session, ids, async (id) => {
          const job = await session.client.get(id, { signal: context.signal, explain });
          if (shown > 0 && !session.isJson) context.terminal.out('\n');
          shown += 1;
          print(context, session.isJson, job);
          if (output !== undefined) saveOutput(output, job);
        });
      });
      context.done(code);
    });
}

export function addExplainCommand(program: Command, context: CommandContext): void {
  program
    .command('explain <job...>')
    .description('say why jobs do not run, what is ahead, who can change it, and what to do next')
    .action(async (ids: readonly string[], _flags: unknown, command: Command) => {
      const code = await withSession(context, command, async (session) => {
        let shown = 0;
        return eachJob(context, session, ids, async (id) => {
          const job = await session.client.get(id, { signal: context.signal, explain: true });
          const between = shown > 0 ? '\n' : '';
          shown += 1;
          const { state, queue, waiting } = job;
          const document = { id: job.id, state, queue, ...given({ waiting }), ...adviceOn(job) };
          const text = session.isJson ? documentLine(document) : `${between}${explainText(job, context.nowMs())}`;
          context.terminal.out(text);
        });
      });
      context.done(code);
    });
}

function saveOutput(path: string, job: JobInfo): void {
  if (job.outputGone !== undefined) throw new UsageError(`the output of job ${job.id} is gone: ${job.outputGone}`);
  if (job.outputWithheldBytes !== undefined)
    throw new UsageError(`the output of job ${job.id} is withheld from you: it takes the permission payloads.read`);
  if (job.outputLargeBytes !== undefined)
    throw new UsageError(`the output of job ${job.id} is too large for this: use troupe output ${job.id} --to FILE`);
  if (job.output === undefined)
    throw new UsageError(`job ${job.id} is ${job.state} and has no output; only SUCCEEDED jobs may have one`);
  writeOutput(path, job.output);
}

export function addWatchCommand(program: Command, context: CommandContext): void {
  program
    .command('watch <job...>')
    .description('follow jobs to their end; with --json print a line for each change')
    .option('--logs', 'also print their log lines; with --json one line each')
    .action(async (ids: readonly string[], flags: { readonly logs?: boolean }, command: Command) => {
      const { terminal, signal, nowMs } = context;
      context.awaitsJobs();
      let failed: number | undefined;
      const ended = await withSession(context, command, (session) => {
        const { client, isJson } = session;
        const change = (job: JobInfo): string => documentLine(jobDocument(job));
        return followJobs({
          client,
          terminal,
          signal,
          nowMs,
          jobs: ids.map((id) => ({ id, label: id })),
          quiet: isJson,
          onError: (error, { id }) => {
            if (ids.length === 1 || !isOfOneJob(error)) throw error;
            failed ??= exitCodeOf(error);
            tellOfJob(context, session, id, error);
          },
          ...given({
            changeText: isJson ? change : undefined,
            endText: isJson ? change : undefined,
            logText: flags.logs === true ? (log: JobLog, { id }: FollowedJob) => logLines(log, isJson, id) : undefined,
          }),
        });
      });
      context.done(failed ?? exitCodeOfStates(ended.map((job) => job.state)));
    });
}

interface ListFlags extends EndedFilterFlags {
  readonly limit: number;
  readonly oldest?: boolean;
}

export function addListCommand(program: Command, context: CommandContext): void {
  const list = program.command('list').description('list the jobs of a queue, newest first');
  addEndedFilterFlags(list)
    .option('--oldest', 'list the oldest first')
    .option('--limit <count>', 'list at most so many jobs', countFlag('limit', 1, 1_000_000), 20)
    .action(async (flags: ListFlags, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const jobs = client.list({ ...endedFilterOf(flags), limit: flags.limit, oldestFirst: flags.oldest === true });
        if (isJson) {
          for await (const job of jobs) context.terminal.out(documentLine(jobDocument(job)));
          return;
        }
        const page: JobInfo[] = [];
        for await (const job of jobs) page.push(job);
        if (page.length === 0) context.terminal.err(`no matching jobs in queue ${flags.queue ?? 'default'}\n`);
        else context.terminal.out(jobTable(page, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

interface RescheduleFlags {
  readonly at?: Date;
  readonly delay?: number;
  readonly now?: boolean;
}

function newTimeOf({ at, delay, now }: RescheduleFlags, nowMs: number): Date | 'now' {
  const times = [
    at,
    delay === undefined ? undefined : new Date(nowMs + delay),
    now === true ? ('now' as const) : undefined,
  ];
  const [when, more] = times.filter((time) => time !== undefined);
  if (when === undefined || more !== undefined) throw new UsageError('give exactly one of --at, --delay and --now');
  return when;
}

export function addRescheduleCommand(program: Command, context: CommandContext): void {
  program
    .command('reschedule <job...>')
    .description('change the start time of jobs that have not started')
    .option('--at <time>', 'start not before this time', timeFlag('at'))
    .option('--delay <duration>', 'start not before this long from now', durationFlag('delay'))
    .option('--now', 'start as soon as possible')
    .action(async (ids: readonly string[], flags: RescheduleFlags, command: Command) => {
      const when = newTimeOf(flags, context.nowMs());
      const code = await withSession(context, command, (session) =>
        eachJob(context, session, ids, async (id) => {
          const job = await session.client.reschedule(id, when, { signal: context.signal });
          const line = `${job.id}  ${stateText(job, context.nowMs())}\n`;
          context.terminal.out(session.isJson ? documentLine(jobDocument(job)) : line);
        }),
      );
      context.done(code);
    });
}
