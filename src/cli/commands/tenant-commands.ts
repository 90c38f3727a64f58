/** `troupe tenants`: the tenants of the cluster, for its administrators. */
import type { Command } from 'commander';
import type { TenantChange, TenantDeletion, TenantInfo, TenantQuotasInfo, TenantUseInfo } from '../../client/index.ts';
import { given } from '../../domain/given.ts';
import { oneLine } from '../../domain/printable.ts';
import { sizeText } from '../../domain/size-text.ts';
import { tenantQuotaRanges, tenantWeightRange } from '../../domain/tenant.ts';
import { addTenantFileCommands } from './file-commands.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { countFlag, sizeFlag } from '../flags/flag-values.ts';
import { relativeText } from '../text/duration-text.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';

type Quota = keyof TenantQuotasInfo;

/** The words of each quota: as a flag, and in what is printed. */
const quotaWords = [
  ['submitsPerSecond', 'submits-per-second', 'jobs that each gateway accepts in a second'],
  ['streams', 'streams', 'open streams of each gateway'],
  ['queues', 'queues', 'queues'],
  ['serviceAccounts', 'service-accounts', 'service accounts'],
  ['runningJobs', 'running-jobs', 'attempts that run at a time'],
  ['unfinishedJobs', 'unfinished-jobs', 'jobs that have not ended'],
  ['storedBytes', 'stored-bytes', 'bytes that its jobs keep, such as 10GiB'],
] as const satisfies readonly (readonly [Quota, string, string])[];

interface TenantFlags extends TenantQuotasInfo {
  readonly description?: string;
  readonly weight?: number;
  readonly dedicated?: boolean;
  readonly encrypted?: boolean;
}

export function addTenantCommands(program: Command, context: CommandContext): void {
  const tenants = program.command('tenants').description('tenants of the cluster');
  const add = (usage: string, text: string, run: (session: Session, name: string) => Promise<TenantInfo>): void => {
    tenants
      .command(usage)
      .description(text)
      .action(async (name: string, _flags: unknown, command: Command) => {
        await withSession(context, command, async (session) => show(context, session, await run(session, name)));
        context.done(exitCodes.ok);
      });
  };
  addListTenants(tenants, context);
  add('get <name>', 'show a tenant, its quotas and what it uses', ({ client }, name) => client.tenants.get(name));
  addCreateTenant(tenants, context);
  addUpdateTenant(tenants, context);
  addPauseTenant(tenants, context);
  add('resume <name>', 'end the pause of a tenant', ({ client }, name) => client.tenants.resume(name));
  addDeleteTenant(tenants, context);
  addTenantFileCommands(tenants, context);
}

function addListTenants(tenants: Command, context: CommandContext): void {
  tenants
    .command('list')
    .description('list all tenants that were made')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const all: TenantInfo[] = [];
        for await (const tenant of client.tenants.list()) all.push(tenant);
        context.terminal.out(isJson ? all.map(documentLine).join('') : tenantTable(all, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

/** `min`: 0 removes a quota. */
function withTenantFlags(command: Command, min: 0 | 1): Command {
  const removed = min === 0 ? '; 0: no limit' : ' (default: no limit)';
  for (const [quota, flag, what] of quotaWords)
    command.option(`--${flag} <n>`, `most ${what}${removed}`, quotaFlag(quota, flag, min));
  const { min: lightest, max: heaviest } = tenantWeightRange;
  return command
    .option('--weight <n>', 'its share of the slots of a node, 1 to 100', countFlag('weight', lightest, heaviest))
    .option('--dedicated', 'only nodes that name it in workers.tenants run its jobs')
    .option('--no-dedicated', 'every node runs its jobs that takes all tenants')
    .option('--encrypted', 'its payloads are encrypted, whatever encryption.required says')
    .option('--no-encrypted', 'its payloads are encrypted only if encryption.required says so')
    .option('--description <text>', 'what it is for');
}

function quotaFlag(quota: Quota, flag: string, min: 0 | 1): (text: string) => number {
  const range = tenantQuotaRanges[quota];
  if (quota !== 'storedBytes') return countFlag(flag, min, range.max);
  const parse = sizeFlag(flag, range.min, range.max);
  return (text) => (min === 0 && text === '0' ? 0 : parse(text));
}

function quotaText(quota: Quota, value: number): string {
  return quota === 'storedBytes' ? sizeText(value) : `${Math.round(value * 10) / 10}`;
}

function changeOf(flags: TenantFlags): TenantChange {
  const { description, weight, dedicated, encrypted } = flags;
  const quotas = given(Object.fromEntries(quotaWords.map(([quota]) => [quota, flags[quota]])));
  return { quotas, ...given({ description, weight, dedicated, encrypted }) };
}

function addCreateTenant(tenants: Command, context: CommandContext): void {
  withTenantFlags(tenants.command('create <name>'), 1)
    .description('make a tenant')
    .action(async (name: string, flags: TenantFlags, command: Command) => {
      await withSession(context, command, async (session) => {
        const made = changeOf(flags);
        show(context, session, await session.client.tenants.create(name, made));
      });
      context.done(exitCodes.ok);
    });
}

function addUpdateTenant(tenants: Command, context: CommandContext): void {
  withTenantFlags(tenants.command('update <name>'), 0)
    .description('change the quotas, the weight or the description of a tenant')
    .option('--if-etag <etag>', 'fail if the tenant no longer has this etag')
    .action(async (name: string, flags: TenantFlags & { readonly ifEtag?: string }, command: Command) => {
      const { ifEtag, ...settings } = flags;
      if (Object.keys(settings).length === 0)
        throw new UsageError('nothing to change: give --description, --weight, --dedicated, --encrypted or a quota');
      await withSession(context, command, async (session) => {
        const { tenants: calls } = session.client;
        const etag = ifEtag ?? (await calls.get(name)).etag;
        show(context, session, await calls.update(name, etag, changeOf(settings)));
      });
      context.done(exitCodes.ok);
    });
}

function addPauseTenant(tenants: Command, context: CommandContext): void {
  tenants
    .command('pause <name>')
    .description('let a tenant submit and start nothing until it is resumed')
    .option('--reason <text>', 'why; shown to those whose submits are refused')
    .action(async (name: string, { reason }: { readonly reason?: string }, command: Command) => {
      await withSession(context, command, async (session) => {
        show(context, session, await session.client.tenants.pause(name, given({ reason })));
      });
      context.done(exitCodes.ok);
    });
}

function addDeleteTenant(tenants: Command, context: CommandContext): void {
  tenants
    .command('delete <name>')
    .description('delete a tenant: cancels its jobs, deletes its queues and service accounts; takes 45 s at least')
    .option('--yes', 'do it; there is no way back')
    .action(async (name: string, { yes }: { readonly yes?: boolean }, command: Command) => {
      if (yes !== true) throw new UsageError(`to delete tenant ${name} and all that it has, add --yes`);
      await withSession(context, command, async ({ client, isJson }) => {
        const { terminal } = context;
        for await (const step of client.tenants.delete(name)) {
          if (isJson) terminal.out(documentLine(step));
          else if (step.phase === 'done') terminal.out(`${deletionText(step)}\n`);
          else if (terminal.isErrTerminal) terminal.drawErr(`\r\u001B[K${deletionText(step)} ...`);
        }
        if (!isJson && terminal.isErrTerminal) terminal.drawErr('\r\u001B[K');
      });
      context.done(exitCodes.ok);
    });
}

function deletionText({ jobsCancelled, queuesDeleted, accountsDeleted }: TenantDeletion): string {
  return `${jobsCancelled} jobs cancelled, ${queuesDeleted} queues and ${accountsDeleted} service accounts deleted`;
}

function show({ terminal, nowMs }: CommandContext, { isJson }: Session, tenant: TenantInfo): void {
  terminal.out(isJson ? documentLine(tenant) : tenantText(tenant, nowMs()));
}

function tenantText(tenant: TenantInfo & Partial<Pick<TenantUseInfo, 'use'>>, nowMs: number): string {
  const {
    name,
    description,
    weight,
    dedicated,
    encrypted,
    quotas,
    use,
    createdAt,
    creator,
    pauseReason,
    nameFreeAt,
    etag,
  } = tenant;
  const rows = [
    ['name', name],
    ['state', stateText(tenant, nowMs)],
    ...(pauseReason === undefined ? [] : [['reason', pauseReason] as const]),
    ...(nameFreeAt === undefined ? [] : [['name free', nameFreeAt.toISOString()] as const]),
    ['description', description],
    ['weight', `${weight}`],
    ['nodes', dedicated ? 'only those that name it' : 'all that take every tenant, and those that name it'],
    ['payloads', encrypted ? 'encrypted' : 'encrypted if encryption.required names it'],
    ['created', `${relativeText(createdAt.getTime(), nowMs)} by ${creator}`],
    ['etag', etag],
  ] as const;
  const head = rows.map(([label, value]) => `${label.padEnd(12)} ${oneLine(value)}\n`).join('');
  const body = quotaWords.map(([quota, flag]) => [
    flag,
    use === undefined ? '-' : quotaText(quota, use[quota]),
    limitText(quota, quotas[quota]),
  ]);
  return `${head}\n${tableText(['QUOTA', 'USED', 'LIMIT'], body)}`;
}

function limitText(quota: Quota, limit: number | undefined): string {
  return limit === undefined ? 'no limit' : quotaText(quota, limit);
}

function stateText({ state, stateAt }: TenantInfo, nowMs: number): string {
  return stateAt === undefined ? state : `${state} (${relativeText(stateAt.getTime(), nowMs)})`;
}

function quotasText(quotas: TenantQuotasInfo): string {
  const set = quotaWords.filter(([quota]) => quotas[quota] !== undefined);
  return set.map(([quota, flag]) => `${flag} ${limitText(quota, quotas[quota])}`).join(', ') || '-';
}

function tenantTable(tenants: readonly TenantInfo[], nowMs: number): string {
  const rows = tenants.map((tenant) => [
    tenant.name,
    stateText(tenant, nowMs),
    quotasText(tenant.quotas),
    relativeText(tenant.createdAt.getTime(), nowMs),
    tenant.description,
  ]);
  return tableText(['TENANT', 'STATE', 'QUOTAS', 'CREATED', 'DESCRIPTION'], rows);
}
