/** `troupe ps`, `tree`, `nodes`, `shards`, `inspect`, `dead-letters`: show what the cluster does. */
import type { Command } from 'commander';
import type { ActorInfo, TreeOptions } from '../../client/index.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import {
  deadLettersText,
  nodeTable,
  psFit,
  psHeader,
  psRow,
  psTable,
  reportText,
  shardTable,
} from '../text/cluster-text.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { countFlag, durationFlag, textFlag } from '../flags/flag-values.ts';
import { given } from '../../domain/given.ts';
import { documentLine } from '../text/job-document.ts';
import { LiveTable } from '../text/live-table.ts';
import { treeText } from '../text/tree-text.ts';

interface WhereFlags {
  readonly node?: string;
  readonly path?: string;
}

interface PsFlags extends WhereFlags {
  readonly once?: boolean;
  readonly interval?: number;
  readonly sort?: string;
}

const sorts: ReadonlyMap<string, (actor: ActorInfo) => number> = new Map([
  ['busy', (actor) => actor.busyShare],
  ['rate', (actor) => actor.messageRate],
  ['mailbox', (actor) => actor.mailboxSize],
  ['restarts', (actor) => actor.restarts],
]);

function sortFlag(text: string): string {
  if (!sorts.has(text)) throw new UsageError(`--sort ${text}: must be one of ${[...sorts.keys()].join(', ')}`);
  return text;
}

/** Sorts largest first. Without a sort key, keeps the order of the tree. */
function sorted(actors: readonly ActorInfo[], wish: string | undefined): readonly ActorInfo[] {
  const size = sorts.get(wish ?? '');
  return size === undefined ? actors : [...actors].sort((a, b) => size(b) - size(a));
}

function where({ node, path }: WhereFlags): TreeOptions {
  return given({ node, path });
}

function withWhereFlags(command: Command): Command {
  return command
    .option('--node <id>', 'show only this node', textFlag('node'))
    .option('--path <path>', 'show only this actor and those below it, such as /node/shards', textFlag('path'));
}

/** Nodes limit the size of their answers. Reports how many rows were left out. */
function tellOmitted(context: CommandContext, omitted: number): void {
  if (omitted > 0) context.terminal.err(`${omitted} rows omitted: use --path to see them\n`);
}

export function addPsCommand(program: Command, context: CommandContext): void {
  withWhereFlags(program.command('ps'))
    .description('show the actors, attempts and cells of all nodes; live on a terminal (q or Ctrl-C quits)')
    .option('--once', 'print once and exit (default if the output is not a terminal)')
    .option('--interval <duration>', 'time between two updates (default: 1s)', durationFlag('interval'))
    .option('--sort <column>', 'sort by busy, rate, mailbox or restarts, largest first', sortFlag)
    .action(async (flags: PsFlags, command: Command) => {
      await withSession(context, command, async (session) => {
        const live = context.terminal.isOutTerminal && flags.once !== true && !session.isJson;
        await (live ? watchPs(context, session, flags) : printPs(context, session, flags));
      });
      context.done(exitCodes.ok);
    });
}

async function printPs(context: CommandContext, { client, isJson }: Session, flags: PsFlags): Promise<void> {
  const { actors, omitted } = await client.cluster.tree(where(flags));
  const rows = sorted(actors, flags.sort);
  context.terminal.out(isJson ? rows.map(documentLine).join('') : psTable(rows, context.nowMs()));
  tellOmitted(context, omitted);
}

async function watchPs(context: CommandContext, { client }: Session, flags: PsFlags): Promise<void> {
  const { terminal, signal, nowMs } = context;
  const table = new LiveTable(terminal);
  const quit = new AbortController();
  const stopReading = terminal.readKeys((key) => {
    if (key === 'q') quit.abort();
  });
  const until = AbortSignal.any([signal, quit.signal]);
  try {
    const options = { ...where(flags), ...given({ intervalMs: flags.interval }), signal: until };
    for await (const { actors, omitted } of client.cluster.watchTree(options)) {
      const rows = sorted(actors, flags.sort).map((actor) => psRow(actor, nowMs()));
      table.draw([psTitle(actors, omitted, nowMs())], psHeader, rows, psFit);
    }
  } catch (error) {
    if (!quit.signal.aborted) throw error;
  } finally {
    stopReading();
    table.close();
  }
}

function psTitle(actors: readonly ActorInfo[], omitted: number, nowMs: number): string {
  const count = (kind: string): number => actors.filter((actor) => actor.kind === kind).length;
  const rest = omitted > 0 ? `, ${omitted} rows omitted` : '';
  const time = new Date(nowMs).toISOString().slice(11, 19);
  return `troupe ps (q quits)  ${time}  ${count('node')} nodes, ${actors.length} rows, ${count('run')} runs${rest}`;
}

export function addTreeCommand(program: Command, context: CommandContext): void {
  withWhereFlags(program.command('tree'))
    .description('draw the supervision tree of all nodes')
    .action(async (flags: WhereFlags, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const { actors, omitted } = await client.cluster.tree(where(flags));
        context.terminal.out(isJson ? actors.map(documentLine).join('') : treeText(actors, context.nowMs()));
        tellOmitted(context, omitted);
      });
      context.done(exitCodes.ok);
    });
}

export function addNodesCommand(program: Command, context: CommandContext): void {
  program
    .command('nodes')
    .description('list the nodes of the cluster')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const nodes = await client.cluster.nodes();
        context.terminal.out(isJson ? nodes.map(documentLine).join('') : nodeTable(nodes, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

export function addShardsCommand(program: Command, context: CommandContext): void {
  program
    .command('shards')
    .description('list the shards with their owners and contents')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const { shards, silentNodes } = await client.cluster.shards();
        context.terminal.out(isJson ? shards.map(documentLine).join('') : shardTable(shards));
        if (silentNodes.length > 0) context.terminal.err(`no answer from ${silentNodes.join(', ')}\n`);
      });
      context.done(exitCodes.ok);
    });
}

export function addInspectCommand(program: Command, context: CommandContext): void {
  program
    .command('inspect <path>')
    .description('show all details of the actor at a path of `troupe ps`, on each node that has it')
    .option('--node <id>', 'show only this node', textFlag('node'))
    .action(async (path: string, { node }: WhereFlags, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const reports = await client.cluster.inspect(path, given({ node }));
        const text = isJson
          ? reports.map(documentLine).join('')
          : reports.map((report) => reportText(report, context.nowMs())).join('\n');
        context.terminal.out(text);
      });
      context.done(exitCodes.ok);
    });
}

export function addDeadLettersCommand(program: Command, context: CommandContext): void {
  withWhereFlags(program.command('dead-letters'))
    .description('list messages between actors that no actor handled, newest first')
    .option('--limit <count>', 'show at most so many', countFlag('limit', 1, 1_000), 100)
    .action(async (flags: WhereFlags & { readonly limit: number }, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const found = await client.cluster.deadLetters({ ...where(flags), limit: flags.limit });
        if (isJson) context.terminal.out(found.letters.map(documentLine).join(''));
        else if (found.counts.length === 0) context.terminal.err('no dead letters\n');
        else context.terminal.out(deadLettersText(found));
        if (found.silentNodes.length > 0) context.terminal.err(`no answer from ${found.silentNodes.join(', ')}\n`);
      });
      context.done(exitCodes.ok);
    });
}
