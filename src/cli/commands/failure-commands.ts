/** `troupe failures`: failed jobs by kind, and what to do about each. */
import type { Command } from 'commander';
import type { FailureKindInfo, FailureKindsInfo } from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { UsageError, exitCodes } from '../errors/exit-code.ts';
import { addEndedFilterFlags, type EndedFilterFlags, endedFilterOf } from '../flags/filter-flags.ts';
import { countFlag } from '../flags/flag-values.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';
import { given } from '../../domain/given.ts';

interface FailuresFlags extends EndedFilterFlags {
  readonly limit: number;
}

export function addFailuresCommand(program: Command, context: CommandContext): void {
  const failures = program
    .command('failures')
    .description('group the failed jobs of a queue by kind of failure; without --ended-from those of 24 hours');
  addEndedFilterFlags(failures)
    .option('--limit <count>', 'look at about so many jobs at most', countFlag('limit', 1, 1_000_000), 10_000)
    .action(async (flags: FailuresFlags, command: Command) => {
      if (flags.state !== undefined) throw new UsageError('--state: only FAILED jobs have a kind of failure');
      await withSession(context, command, async ({ client, isJson }) => {
        const found = await client.failureKinds({
          ...endedFilterOf(flags),
          limit: flags.limit,
          ...given({ signal: context.signal }),
        });
        const { terminal } = context;
        if (isJson) terminal.out(documentLine(found));
        else if (found.kinds.length === 0)
          terminal.err(`${searched(found)}: no failed jobs in queue ${queueOf(flags)}\n`);
        else terminal.out(kindsText(found, flags));
      });
      context.done(exitCodes.ok);
    });
}

function queueOf({ queue = 'default' }: EndedFilterFlags): string {
  return queue;
}

function searched({ jobs, searchedTo, isComplete }: FailureKindsInfo): string {
  const end = isComplete ? '' : ', more to come with a larger --limit';
  return `${jobs} failed jobs, searched back to ${searchedTo.toISOString()}${end}`;
}

function kindsText(found: FailureKindsInfo, flags: EndedFilterFlags): string {
  const header = ['JOBS', 'LAST', 'KIND', 'HANDLER', 'REASON', 'WHAT'];
  const rows = found.kinds.map((kind) => [
    String(kind.jobs),
    kind.lastAt.toISOString().slice(0, 19),
    kind.id,
    kind.handler,
    kind.code ?? kind.reason,
    whatOf(kind),
  ]);
  const [first] = found.kinds;
  const next =
    first === undefined
      ? ''
      : `look:   troupe get ${first.sampleIds[0] ?? ''}\nretry:  troupe redrive${flagsAgain(flags)} --kind ${first.id}\n`;
  return `${tableText(header, rows)}\n${searched(found)}\n${next}`;
}

/** The flags that narrowed the search and that a kind does not imply, so that the next command takes no more jobs. */
function flagsAgain({ queue, label = {}, from, before, endedFrom, endedBefore }: EndedFilterFlags): string {
  const labels = Object.entries(label).map(([name, value]) => ['label', `${name}=${value}`] as const);
  const times = Object.entries({ from, before, 'ended-from': endedFrom, 'ended-before': endedBefore });
  return [['queue', queue] as const, ...labels, ...times.map(([name, at]) => [name, at?.toISOString()] as const)]
    .map(([name, value]) => (value === undefined ? '' : ` --${name} ${shellWord(value)}`))
    .join('');
}

function shellWord(text: string): string {
  return /^[\w.:=@%+,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function whatOf({ message, frame }: FailureKindInfo): string {
  return [message ?? '', frame === undefined ? '' : `at ${frame}`].filter((text) => text !== '').join(' ');
}
