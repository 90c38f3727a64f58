/** `troupe delete`: what jobs were given and have returned. */
import type { Command } from 'commander';
import { withSession } from '../command-context.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';
import { documentLine, jobDocument } from '../job-document.ts';

export function addDeleteCommand(program: Command, context: CommandContext): void {
  program
    .command('delete <job...>')
    .description('erase input and output of jobs that have ended, at once and for good; the rest of the jobs stays')
    .action(async (ids: readonly string[], _flags: unknown, command: Command) => {
      const { terminal, signal } = context;
      await withSession(context, command, async ({ client, isJson }) => {
        for (const id of ids) {
          const job = await client.delete(id, { signal });
          terminal.out(isJson ? documentLine(jobDocument(job)) : `${job.id}  ${job.state}, payloads erased\n`);
        }
      });
      context.done(exitCodes.ok);
    });
}
