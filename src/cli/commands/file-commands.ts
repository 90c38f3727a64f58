/** `troupe queues diff|apply FILE`, and `troupe tenants diff|apply FILE`: compare and apply what is declared in a file. */
import type { Command } from 'commander';
import {
  applyQueues,
  applyTenants,
  plansOf,
  type QueuePlan,
  type TenantPlan,
  tenantPlansOf,
  type TenantStep,
} from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';
import { readQueueFile, readTenantFile } from '../queues/declared-file.ts';
import { isPruned, isSettled, planText, stepText } from '../queues/plan-text.ts';

interface PruneFlag {
  readonly prune?: boolean;
}

const fileText = 'JSON or YAML: { queues: { NAME: settings } }';

export function addDiffCommand(queues: Command, context: CommandContext): void {
  queues
    .command('diff <file>')
    .description(`show what \`apply\` would change with this file (${fileText}); exit code 7 if there are changes`)
    .option('--prune', 'as if `apply --prune` deleted queues that the file does not name')
    .action(async (file: string, { prune = false }: PruneFlag, command: Command) => {
      const declared = readQueueFile(file);
      const settled = await withSession(context, command, async ({ client, isJson }) => {
        const plans = await plansOf(client.queues, declared);
        const isDone = isSettled(plans, prune);
        if (isJson) context.terminal.out(documentLine({ different: !isDone, queues: shownPlans(plans, prune) }));
        else context.terminal.out(plans.map((plan) => planText(plan, prune)).join(''));
        return isDone;
      });
      context.done(settled ? exitCodes.ok : exitCodes.different);
    });
}

function shownPlans(plans: readonly (QueuePlan | TenantPlan)[], prune: boolean) {
  return plans.map((plan) => ({
    name: plan.name,
    action: isPruned(plan, prune) ? 'delete' : plan.kind,
    changes: 'changes' in plan ? plan.changes : [],
  }));
}

export function addApplyCommand(queues: Command, context: CommandContext): void {
  queues
    .command('apply <file>')
    .description(`create and change queues to match this file (${fileText}); idempotent`)
    .option('--prune', 'delete queues that the file does not name, unless they have unfinished jobs')
    .action(async (file: string, { prune = false }: PruneFlag, command: Command) => {
      const declared = readQueueFile(file);
      await withSession(context, command, async ({ client, isJson }) => {
        for await (const step of applyQueues(client.queues, declared, { prune })) {
          context.terminal.out(isJson ? documentLine(step) : stepText(step));
        }
      });
      context.done(exitCodes.ok);
    });
}

export function addDeleteQueueCommand(queues: Command, context: CommandContext): void {
  queues
    .command('delete <name>')
    .description('delete a queue without unfinished jobs; its ended jobs stay until their retention is over')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        await client.queues.delete(name);
        context.terminal.out(isJson ? documentLine({ name, deleted: true }) : `${name}: deleted\n`);
      });
      context.done(exitCodes.ok);
    });
}

const tenantFileText = 'JSON or YAML: { tenants: { NAME: settings } }';

export function addTenantFileCommands(tenants: Command, context: CommandContext): void {
  tenants
    .command('diff <file>')
    .description(
      `show what \`apply\` would change with this file (${tenantFileText}); exit code 7 if there are changes`,
    )
    .option('--prune', 'as if `apply --prune` deleted tenants that the file does not name')
    .action(async (file: string, { prune = false }: PruneFlag, command: Command) => {
      const declared = readTenantFile(file);
      const settled = await withSession(context, command, async ({ client, isJson }) => {
        const plans = await tenantPlansOf(client.tenants, declared);
        const isDone = isSettled(plans, prune);
        if (isJson) context.terminal.out(documentLine({ different: !isDone, tenants: shownPlans(plans, prune) }));
        else context.terminal.out(plans.map((plan) => planText(plan, prune)).join(''));
        return isDone;
      });
      context.done(settled ? exitCodes.ok : exitCodes.different);
    });
  tenants
    .command('apply <file>')
    .description(`make, change, pause and resume tenants to match this file (${tenantFileText}); idempotent`)
    .option('--prune', 'delete tenants that the file does not name and that have neither queues nor service accounts')
    .action(async (file: string, { prune = false }: PruneFlag, command: Command) => {
      const declared = readTenantFile(file);
      const isAsDeclared = await withSession(context, command, async ({ client, isJson }) => {
        const steps: TenantStep[] = [];
        for await (const step of applyTenants(client.tenants, declared, { prune })) {
          steps.push(step);
          context.terminal.out(isJson ? documentLine(step) : stepText(step));
        }
        return steps.every(({ done }) => done !== 'in-use' && done !== 'deleting');
      });
      context.done(isAsDeclared ? exitCodes.ok : exitCodes.refused);
    });
}
