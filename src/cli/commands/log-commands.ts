/** `troupe logs`: shows the log lines of a job's attempts. */
import type { Command } from 'commander';
import type { JobLog } from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { logLines } from '../text/log-text.ts';

export function addLogsCommand(program: Command, context: CommandContext): void {
  program
    .command('logs <job>')
    .description('print the log lines of all attempts of a job that are still stored')
    .option('--follow', 'continue with new lines until the job ends')
    .action(async (id: string, flags: { readonly follow?: boolean }, command: Command) => {
      const { terminal, signal } = context;
      await withSession(context, command, async ({ client, isJson }) => {
        const print = (log: JobLog): void => terminal.out(logLines(log, isJson, id));
        if (flags.follow !== true) {
          print(await client.log(id, { signal }));
          return;
        }
        for await (const { log } of client.watch(id, { signal, logs: true })) print(log);
      });
      context.done(exitCodes.ok);
    });
}
