/** `troupe follow`: shows the jobs of a queue as they change. */
import type { Command } from 'commander';
import type { WatchedJobs } from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { addEndedFilterFlags, type EndedFilterFlags, endedFilterOf } from '../flags/filter-flags.ts';
import { textFlag } from '../flags/flag-values.ts';
import { given } from '../../domain/given.ts';
import { documentLine, jobDocument } from '../text/job-document.ts';
import { stateText } from '../text/job-text.ts';

interface FollowFlags extends EndedFilterFlags {
  readonly resume?: string;
}

export function addFollowCommand(program: Command, context: CommandContext): void {
  const follow = program
    .command('follow')
    .description('print a line for each change of the jobs of a queue; Ctrl-C quits');
  addEndedFilterFlags(follow)
    .option('--resume <token>', 'continue after the line with this resumeToken (printed by --json)', textFlag('resume'))
    .action(async (flags: FollowFlags, command: Command) => {
      const { signal, terminal } = context;
      await withSession(context, command, async ({ client, isJson }) => {
        const options = { ...endedFilterOf(flags), ...given({ resumeToken: flags.resume }), signal };
        for await (const update of client.watchJobs(options)) {
          if (isJson) terminal.out(updateLine(update));
          else tell(context, update);
        }
      });
      context.done(exitCodes.ok);
    });
}

function updateLine({ job, ...update }: WatchedJobs): string {
  return documentLine({ ...update, ...given({ job: job ? jobDocument(job) : undefined }) });
}

function tell({ terminal, nowMs }: CommandContext, { job, gap }: WatchedJobs): void {
  if (gap) terminal.err('changes before this line may be missing: `troupe list` shows the present states\n');
  if (job) terminal.out(`${job.id}  ${job.handler}  ${stateText(job, nowMs())}\n`);
}
