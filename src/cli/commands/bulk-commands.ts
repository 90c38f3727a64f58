/** `troupe retry`, `redrive`, `cancel`: submit ended jobs again, and cancel jobs. */
import type { Command } from 'commander';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { eachJob } from '../calls/each-job.ts';
import { followBulk } from '../calls/follow-bulk.ts';
import { UsageError } from '../errors/exit-code.ts';
import {
  addEndedFilterFlags,
  addFilterFlags,
  type EndedFilterFlags,
  endedFilterOf,
  type FilterFlags,
  filterOf,
} from '../flags/filter-flags.ts';
import { countFlag, textFlag } from '../flags/flag-values.ts';
import { given } from '../../domain/given.ts';
import { documentLine, jobDocument } from '../text/job-document.ts';
import { jsonInput } from '../calls/job-input.ts';
import { stateText } from '../text/job-text.ts';

export function addRetryCommand(program: Command, context: CommandContext): void {
  program
    .command('retry <job...>')
    .description('submit ended jobs again as new jobs, and print the new ids')
    .option('--input <json>', 'new input instead of the old one')
    .action(async (ids: readonly string[], flags: { readonly input?: string }, command: Command) => {
      const input = flags.input === undefined ? {} : { input: jsonInput(flags.input, '--input') };
      const code = await withSession(context, command, (session) =>
        eachJob(context, session, ids, async (id) => {
          const again = await session.client.retry(id, { ...input, signal: context.signal });
          context.terminal.out(session.isJson ? documentLine({ ...again, retryOf: id }) : `${again.jobId}\n`);
        }),
      );
      context.done(code);
    });
}

interface RedriveFlags extends EndedFilterFlags {
  readonly rate?: number;
  readonly redriveId?: string;
}

export function addRedriveCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('redrive')
    .description(
      'submit the failed jobs of a queue again, at a limited rate (FAILED and EXPIRED, or those of --state)',
    );
  addEndedFilterFlags(command)
    .option('--rate <count>', 'at most so many jobs per second (default: 100)', countFlag('rate', 1, 10_000))
    .option(
      '--redrive-id <name>',
      'name of the operation; under the same name no job is submitted twice',
      textFlag('redrive-id'),
    )
    .action(async (flags: RedriveFlags, self: Command) => {
      const { signal } = context;
      const more = given({ perSecond: flags.rate, redriveId: flags.redriveId });
      const code = await withSession(context, self, ({ client, isJson }) =>
        followBulk(context, client.redrive({ ...endedFilterOf(flags), ...more, signal }), {
          what: 'submitted again',
          isJson,
        }),
      );
      context.done(code);
    });
}

interface CancelFlags extends FilterFlags {
  readonly reason?: string;
  readonly wait?: boolean;
}

function cancelEach(
  context: CommandContext,
  session: Session,
  ids: readonly string[],
  flags: CancelFlags,
): Promise<number> {
  const { client, isJson } = session;
  const { signal } = context;
  if (flags.wait === true) context.awaitsJobs();
  return eachJob(context, session, ids, async (id) => {
    const asked = await client.cancel(id, flags.reason, { signal });
    const job = flags.wait === true && !asked.final ? await client.wait(id, { signal }) : asked;
    const line = `${job.id}  ${stateText(job, context.nowMs())}\n`;
    context.terminal.out(isJson ? documentLine(jobDocument(job)) : line);
  });
}

export function addCancelCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('cancel [job...]')
    .description('cancel jobs by id, or all unfinished jobs of a queue that match the flags');
  addFilterFlags(command)
    .option('--reason <text>', 'reason, stored with the job')
    .option('--wait', 'wait until the jobs have ended and their code no longer runs')
    .action(async (ids: readonly string[], flags: CancelFlags, self: Command) => {
      const chosen = Object.keys(filterOf(flags)).length > 0;
      if (chosen === ids.length > 0)
        throw new UsageError('give either job ids, or --queue with other filters, not both');
      if (chosen && flags.wait === true) throw new UsageError('--wait needs job ids; it does not work with filters');
      const code = await withSession(context, self, async (session) => {
        if (!chosen) return cancelEach(context, session, ids, flags);
        const more = given({ reason: flags.reason });
        const steps = session.client.cancelMany({ ...filterOf(flags), ...more, signal: context.signal });
        return followBulk(context, steps, { what: 'cancelled', isJson: session.isJson });
      });
      context.done(code);
    });
}
