/** `troupe whoami`: who the gateway takes the caller for. */
import type { Command } from 'commander';
import type { CallerInfo } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';

export function addWhoAmICommand(program: Command, context: CommandContext): void {
  program
    .command('whoami')
    .description('who the gateway takes you for, and what you may do')
    .action(async (_flags: object, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const caller = await client.access.whoAmI();
        context.terminal.out(isJson ? documentLine(caller) : callerText(caller));
      });
      context.done(exitCodes.ok);
    });
}

function callerText({ principal, tenant, roles, permissions, expiresAt }: CallerInfo): string {
  const rows = [
    ['principal', principal],
    ['tenant', tenant ?? 'none: only calls about the cluster are possible'],
    ['roles', roles.join(', ') || 'none'],
    ['permissions', permissions.join(', ') || 'none'],
    ['expires', expiresAt?.toISOString() ?? 'never'],
  ] as const;
  return rows.map(([name, value]) => `${name.padEnd(12)} ${oneLine(value)}\n`).join('');
}
