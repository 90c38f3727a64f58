/** `troupe audit`: who did what, and whether the log is whole. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { AuditChainInfo, AuditEntryInfo, AuditHeadInfo, AuditListOptions } from '../../client/index.ts';
import { dayOf } from '../../domain/audit/audit-day.ts';
import { given } from '../../domain/given.ts';
import { ownValue } from '../../domain/own-value.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { countFlag, textFlag, timeFlag } from '../flags/flag-values.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';

interface RangeFlags {
  readonly cluster?: boolean;
  readonly from?: Date;
  readonly to?: Date;
}

interface ListFlags extends RangeFlags {
  readonly principal?: string;
  readonly method?: string;
  readonly resource?: string;
  readonly denied?: boolean;
  readonly limit: number;
}

export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command('audit').description('the audit log: who did what');
  addList(audit, context);
  addExport(audit, context);
  addVerify(audit, context);
}

function withRange(command: Command): Command {
  return command
    .option('--from <time>', 'entries at or after this time', timeFlag('from'))
    .option('--to <time>', 'entries before this time', timeFlag('to'))
    .option('--cluster', 'calls about the cluster, and calls without a good credential');
}

function ofLog({ cluster, from, to }: RangeFlags): Pick<AuditListOptions, 'of' | 'from' | 'to'> {
  return { of: cluster === true ? 'cluster' : 'tenant', ...given({ from, to }) };
}

function addList(audit: Command, context: CommandContext): void {
  withRange(audit.command('list'))
    .description('list entries, newest first; by default those of the last 7 days')
    .option('--principal <id>', 'of this caller', textFlag('principal'))
    .option('--method <name>', 'of this method, such as CancelJob', textFlag('method'))
    .option('--resource <name>', 'about this job, queue, account or node', textFlag('resource'))
    .option('--denied', 'refused calls only')
    .option('--limit <count>', 'list at most so many entries', countFlag('limit', 1, 100_000), 50)
    .action(async (flags: ListFlags, command: Command) => {
      const { principal, method, resource, denied } = flags;
      const decision = denied === true ? ('denied' as const) : undefined;
      const query = { ...ofLog(flags), ...given({ principal, method, resource, decision }) };
      await withSession(context, command, async ({ client, isJson }) => {
        const found: AuditEntryInfo[] = [];
        for await (const entry of client.audit.list(query)) {
          found.push(entry);
          if (found.length >= flags.limit) break;
        }
        context.terminal.out(isJson ? found.map(documentLine).join('') : entryTable(found));
      });
      context.done(exitCodes.ok);
    });
}

function addExport(audit: Command, context: CommandContext): void {
  withRange(audit.command('export'))
    .description('print the rows of whole days, oldest first, as JSON lines; by default since yesterday')
    .action(async (flags: RangeFlags, command: Command) => {
      await withSession(context, command, async ({ client }) => {
        for await (const { entry, ...row } of client.audit.exportRows(ofLog(flags))) {
          context.terminal.out(`${JSON.stringify(row).slice(0, -1)},"entry":${entryJson(entry)}}\n`);
        }
      });
      context.done(exitCodes.ok);
    });
}

/**
 * The entry is JSON, and the hash is over its bytes: it stays as it is. What is no JSON of one line was not written by a gateway.
 * It becomes a string, so that it makes up neither fields nor lines.
 */
function entryJson(entry: string): string {
  try {
    JSON.parse(entry);
    return /[\n\r]/.test(entry) ? JSON.stringify(entry) : entry;
  } catch {
    return JSON.stringify(entry);
  }
}

function addVerify(audit: Command, context: CommandContext): void {
  audit
    .command('verify [day]')
    .description('check the chains of a UTC day, such as 2026-11-30 (default: today)')
    .option('--cluster', 'those of the cluster')
    .option('--heads <file>', 'JSON lines of gateways with the event audit.head: rows that were cut off show')
    .action(async (day: string | undefined, flags: { cluster?: boolean; heads?: string }, command: Command) => {
      const asked = day ?? dayOf(context.nowMs());
      const isCluster = flags.cluster === true;
      const told = flags.heads === undefined ? undefined : textOf(flags.heads);
      await withSession(context, command, async ({ client, isJson }) => {
        const scope = isCluster ? 'cluster' : `tenant/${told && (await client.access.whoAmI()).tenant}`;
        const heads = told === undefined ? [] : headsIn(told, asked, scope);
        const chains = await client.audit.verify(asked, { of: isCluster ? 'cluster' : 'tenant', heads });
        context.terminal.out(isJson ? chains.map(documentLine).join('') : chainTable(chains));
        const isWhole = chains.every(({ fault }) => fault === undefined);
        context.done(isWhole ? exitCodes.ok : exitCodes.different);
      });
    });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--heads ${path}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

/** Those of the day and scope. A log has other lines, too. */
function headsIn(text: string, day: string, scope: string): readonly AuditHeadInfo[] {
  return text.split('\n').flatMap((line) => {
    const head = objectIn(line);
    const [writer, rows, hash] = ['writer', 'rows', 'hash'].map((name) => ownValue(head, name));
    const isAsked = ownValue(head, 'event') === 'audit.head' && ownValue(head, 'day') === day;
    if (!isAsked || ownValue(head, 'scope') !== scope) return [];
    if (typeof writer !== 'string' || typeof rows !== 'number' || typeof hash !== 'string') return [];
    return [{ writer, rows, hash }];
  });
}

function objectIn(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

function entryTable(entries: readonly AuditEntryInfo[]): string {
  const rows = entries.map((entry) => [
    entry.at.toISOString(),
    entry.principal === '' ? '-' : entry.principal,
    entry.kind === 'call' ? entry.method : `${entry.kind} (${entry.count})`,
    resourceText(entry),
    entry.decision === 'denied' ? `denied ${entry.errorCode}` : `${entry.outcome ?? '-'} ${entry.errorCode}`.trim(),
    entry.address === '' ? '-' : entry.address,
    oneLine(entry.reason),
  ]);
  return tableText(['TIME', 'WHO', 'WHAT', 'ABOUT', 'OUTCOME', 'FROM', 'REASON'], rows);
}

function resourceText({ resources, jobCount }: AuditEntryInfo): string {
  const named = Object.entries(resources).map(([name, value]) => `${name}=${value}`);
  const jobs = jobCount > 0 ? [`jobs=${jobCount}`] : [];
  return [...named, ...jobs].join(' ') || '-';
}

function chainTable(chains: readonly AuditChainInfo[]): string {
  const rows = chains.map(({ writer, rows: count, hash, ended, fault }) => [
    writer,
    `${count}`,
    hash.slice(0, 16),
    ended ? 'ended' : 'open',
    fault === undefined ? 'whole' : `${fault.what} at ${fault.sequence}`,
  ]);
  return tableText(['CHAIN', 'ROWS', 'HASH', 'END', 'STATE'], rows);
}
