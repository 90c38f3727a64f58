/** `troupe get`, `watch`, `list`, `cancel`. */
import type { Command } from 'commander';
import type { JobInfo, ListOptions } from '../../client/index.ts';
import type { JobState } from '../../domain/job.ts';
import { withSession } from '../command-context.ts';
import type { CommandContext } from '../command-context.ts';
import { UsageError, exitCodes } from '../exit-code.ts';
import { countFlag, given, labelFlag, stateFlag, timeFlag } from '../flag-values.ts';
import { followJobs } from '../follow-jobs.ts';
import { documentLine, jobDocument } from '../job-document.ts';
import { exitCodeOfStates, jobTable, jobText, stateText } from '../job-text.ts';
import { writeOutput } from '../output-file.ts';

function print(context: CommandContext, isJson: boolean, job: JobInfo): void {
  context.terminal.out(isJson ? documentLine(jobDocument(job)) : jobText(job, context.nowMs()));
}

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command('get <job...>')
    .description('show jobs as they are now, with their outputs')
    .option('--output <file>', 'write the output of the job to this file')
    .action(async (ids: readonly string[], flags: { readonly output?: string }, command: Command) => {
      const { output } = flags;
      if (output !== undefined && ids.length > 1) throw new UsageError('--output takes one job');
      await withSession(context, command, async ({ client, isJson }) => {
        for (const [at, id] of ids.entries()) {
          const job = await client.get(id, { signal: context.signal });
          if (at > 0 && !isJson) context.terminal.out('\n');
          print(context, isJson, job);
          if (output === undefined) continue;
          if (job.output === undefined) throw new UsageError(`job ${id} is ${job.state} and has no output`);
          writeOutput(output, job.output);
        }
      });
      context.done(exitCodes.ok);
    });
}

export function addWatchCommand(program: Command, context: CommandContext): void {
  program
    .command('watch <job...>')
    .description('follow jobs to their end; with --json each change is a line')
    .action(async (ids: readonly string[], _flags: unknown, command: Command) => {
      const { terminal, signal, nowMs } = context;
      const ended = await withSession(context, command, ({ client, isJson }) => {
        const change = (job: JobInfo): void => terminal.out(documentLine(jobDocument(job)));
        return followJobs({
          ...{ client, terminal, signal, nowMs },
          jobs: ids.map((id) => ({ id, label: id })),
          quiet: isJson,
          onEnd: isJson ? change : () => undefined,
          ...(isJson && { onChange: change }),
        });
      });
      context.done(exitCodeOfStates(ended.map((job) => job.state)));
    });
}

interface ListFlags {
  readonly queue?: string;
  readonly limit: number;
  readonly state?: readonly JobState[];
  readonly handler?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly from?: Date;
  readonly before?: Date;
  readonly oldest?: boolean;
}

function listOptions(flags: ListFlags): ListOptions {
  return {
    limit: flags.limit,
    ...given({
      queue: flags.queue,
      states: flags.state,
      handler: flags.handler,
      labels: flags.label,
      createdFrom: flags.from,
      createdBefore: flags.before,
      oldestFirst: flags.oldest,
    }),
  };
}

export function addListCommand(program: Command, context: CommandContext): void {
  program
    .command('list')
    .description('show the jobs of a queue, newest first')
    .option('--queue <name>', 'the queue (default)')
    .option('--state <state>', 'only jobs in this state; may be repeated', stateFlag)
    .option('--handler <name>', 'only jobs of this handler')
    .option('--label <name=value>', 'only jobs with this label; may be repeated', labelFlag)
    .option('--from <time>', 'only jobs created at this time or later', timeFlag('from'))
    .option('--before <time>', 'only jobs created before this time', timeFlag('before'))
    .option('--oldest', 'oldest first')
    .option('--limit <count>', 'most jobs to show', countFlag('limit', 1, 1_000_000), 20)
    .action(async (flags: ListFlags, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const jobs = client.list(listOptions(flags));
        if (isJson) {
          for await (const job of jobs) context.terminal.out(documentLine(jobDocument(job)));
          return;
        }
        const page: JobInfo[] = [];
        for await (const job of jobs) page.push(job);
        if (page.length === 0) context.terminal.err(`no such jobs in queue ${flags.queue ?? 'default'}\n`);
        else context.terminal.out(jobTable(page, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

export function addCancelCommand(program: Command, context: CommandContext): void {
  program
    .command('cancel <job...>')
    .description('cancel jobs; with --wait until their code no longer runs')
    .option('--reason <text>', 'kept with the job')
    .option('--wait', 'stay until the jobs have ended')
    .action(
      async (
        ids: readonly string[],
        flags: { readonly reason?: string; readonly wait?: boolean },
        command: Command,
      ) => {
        await withSession(context, command, async ({ client, isJson }) => {
          const { signal } = context;
          for (const id of ids) {
            const asked = await client.cancel(id, flags.reason, { signal });
            const job = flags.wait === true && !asked.final ? await client.wait(id, { signal }) : asked;
            const line = `${job.id}  ${stateText(job, context.nowMs())}\n`;
            context.terminal.out(isJson ? documentLine(jobDocument(job)) : line);
          }
        });
        context.done(exitCodes.ok);
      },
    );
}
