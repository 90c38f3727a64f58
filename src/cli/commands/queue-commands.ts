/**
 * `troupe queues create|get|stats|list|update|pause|resume|purge`. file-commands.ts has the commands with a file.
 */
import { type Command, Option } from 'commander';
import type { PublishedEvents } from '../../domain/job.ts';
import type { FlowInfo, FlowInput, QueueInfo, QueueSettingsInput } from '../../client/index.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { durationText, relativeText } from '../text/duration-text.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { codesFlag, countFlag, durationFlag, numberFlag, orNone, rateFlag, weightFlag } from '../flags/flag-values.ts';
import { given } from '../../domain/given.ts';
import { followBulk } from '../calls/follow-bulk.ts';
import { documentLine } from '../text/job-document.ts';
import { statsText } from '../text/queue-text.ts';
import { tableText } from '../text/text-table.ts';
import { addApplyCommand, addDeleteQueueCommand, addDiffCommand } from './file-commands.ts';

interface SettingsFlags {
  readonly executionTimeout?: number;
  readonly heartbeatTimeout?: number;
  readonly retention?: number;
  readonly payloadRetention?: number;
  readonly maxDepth?: number;
  readonly maxBytes?: number;
  readonly publishedEvents?: PublishedEvents;
  readonly maxAttempts?: number;
  readonly maxLosses?: number;
  readonly initialDelay?: number;
  readonly coefficient?: number;
  readonly maxDelay?: number;
  readonly nonRetryableCode?: readonly string[];
  readonly maxRunning?: number;
  readonly maxRunningPerKey?: number;
  readonly rate?: FlowInput['rate'];
  readonly fairnessWeight?: Readonly<Record<string, number>>;
}

function withSettingsFlags(command: Command): Command {
  return command
    .option('--execution-timeout <duration>', 'time limit of one attempt', durationFlag('execution-timeout'))
    .option(
      '--heartbeat-timeout <duration>',
      'longest time without a sign of life; 0s: no limit',
      durationFlag('heartbeat-timeout'),
    )
    .option('--retention <duration>', 'how long jobs are kept after their creation', durationFlag('retention'))
    .option(
      '--payload-retention <duration>',
      'how long inputs and outputs are kept; 0s: as long as the job',
      durationFlag('payload-retention'),
    )
    .option(
      '--max-depth <count>',
      'most unfinished jobs that do not run; 0: no limit',
      countFlag('max-depth', 0, 100_000_000),
    )
    .option('--max-bytes <count>', 'most bytes of their inputs; 0: no limit', countFlag('max-bytes', 0, 2 ** 50))
    .addOption(new Option('--published-events <which>', 'which events of its jobs go to NATS').choices(['all', 'ends']))
    .option('--max-attempts <count>', 'number of attempts that may fail', countFlag('max-attempts', 1, 100))
    .option(
      '--max-losses <count>',
      'number of attempts that may be lost with their node or cell',
      countFlag('max-losses', 0, 24),
    )
    .option('--initial-delay <duration>', 'delay before the second attempt', durationFlag('initial-delay'))
    .option('--coefficient <number>', 'factor by which the delay grows, 1 to 10', numberFlag('coefficient'))
    .option('--max-delay <duration>', 'longest delay between two attempts', durationFlag('max-delay'))
    .option('--non-retryable-code <code>', 'error code that is never retried, or none; repeatable', codesFlag)
    .option(
      '--max-running <count>',
      'most jobs that run at a time; 0: no limit',
      countFlag('max-running', 0, 1_000_000),
    )
    .option(
      '--max-running-per-key <count>',
      'most jobs with the same concurrency key that run at a time',
      countFlag('max-running-per-key', 0, 100_000),
    )
    .option('--rate <per-second[:burst]>', 'most starts per second, with a burst; 0: no limit', rateFlag)
    .option(
      '--fairness-weight <key=weight>',
      'share of a fairness key; repeatable, and replaces all weights of the queue',
      weightFlag,
    );
}

function settingsOf(flags: SettingsFlags): QueueSettingsInput {
  const retry = given({
    maxAttempts: flags.maxAttempts,
    maxLosses: flags.maxLosses,
    initialDelayMs: flags.initialDelay,
    coefficient: flags.coefficient,
    maxDelayMs: flags.maxDelay,
    nonRetryableCodes: flags.nonRetryableCode,
  });
  const flow = given({
    maxRunning: orNone(flags.maxRunning),
    maxRunningPerKey: orNone(flags.maxRunningPerKey),
    rate: flags.rate?.perSecond === 0 ? null : flags.rate,
    fairnessWeights: flags.fairnessWeight,
  });
  return {
    ...given({
      executionTimeoutMs: flags.executionTimeout,
      heartbeatTimeoutMs: orNone(flags.heartbeatTimeout),
      retentionMs: flags.retention,
      payloadRetentionMs: orNone(flags.payloadRetention),
      maxDepth: orNone(flags.maxDepth),
      maxBytes: orNone(flags.maxBytes),
      publishedEvents: flags.publishedEvents,
    }),
    ...given({
      retry: Object.keys(retry).length > 0 ? retry : undefined,
      flow: Object.keys(flow).length > 0 ? flow : undefined,
    }),
  };
}

function queueTable(queues: readonly QueueInfo[], nowMs: number): string {
  const rows = queues.map(
    ({ name, settings: { executionTimeoutMs, retry, retentionMs, flow }, version, updatedAt, quarantines }) => [
      name,
      durationText(executionTimeoutMs),
      `${retry.maxAttempts}`,
      `${durationText(retry.initialDelayMs)} × ${retry.coefficient} ≤ ${durationText(retry.maxDelayMs)}`,
      durationText(retentionMs),
      `${version}`,
      relativeText(updatedAt.getTime(), nowMs),
      [
        ...flowTexts(flow),
        ...quarantines.map(({ node, reason }) => `quarantined${node === undefined ? '' : ` on ${node}`}: ${reason}`),
      ].join('; '),
    ],
  );
  return tableText(['QUEUE', 'TIMEOUT', 'ATTEMPTS', 'DELAYS', 'RETENTION', 'VERSION', 'CHANGED', 'STATE'], rows);
}

function flowTexts({ paused, maxRunning, maxRunningPerKey, rate }: FlowInfo): readonly string[] {
  return [
    ...(paused ? ['paused'] : []),
    ...(maxRunning === undefined ? [] : [`at most ${maxRunning} run`]),
    ...(maxRunningPerKey === undefined ? [] : [`${maxRunningPerKey} per key`]),
    ...(rate === undefined ? [] : [`${rate.perSecond}/s, burst ${rate.burst}`]),
  ];
}

function print(context: CommandContext, isJson: boolean, queues: readonly QueueInfo[]): void {
  const text = isJson ? queues.map(documentLine).join('') : queueTable(queues, context.nowMs());
  context.terminal.out(text);
}

function addUpdateCommand(queues: Command, context: CommandContext): void {
  withSettingsFlags(queues.command('update <name>'))
    .description('change the settings for jobs that are submitted from now on')
    .option(
      '--if-version <number>',
      'fail if the queue no longer has this version',
      countFlag('if-version', 1, 2 ** 31),
    )
    .action(async (name: string, flags: SettingsFlags & { readonly ifVersion?: number }, command: Command) => {
      const settings = settingsOf(flags);
      if (Object.keys(settings).length === 0) throw new UsageError('nothing to change: give at least one setting');
      await withSession(context, command, async ({ client, isJson }) => {
        const version = flags.ifVersion ?? (await client.queues.get(name)).version;
        print(context, isJson, [await client.queues.update(name, version, settings)]);
      });
      context.done(exitCodes.ok);
    });
}

/** Cancels waiting jobs. Jobs that run by then continue. */
function addPurgeCommand(queues: Command, context: CommandContext): void {
  queues
    .command('purge <name>')
    .description('cancel all waiting jobs of a queue (SCHEDULED, QUEUED, RETRYING); running jobs continue')
    .option('--reason <text>', 'reason, stored with the jobs')
    .action(async (queue: string, { reason = 'the queue was purged' }: { reason?: string }, command: Command) => {
      const { signal } = context;
      const code = await withSession(context, command, ({ client, isJson }) =>
        followBulk(context, client.cancelMany({ queue, states: ['SCHEDULED', 'QUEUED', 'RETRYING'], reason, signal }), {
          what: 'cancelled',
          isJson,
        }),
      );
      context.done(code);
    });
}

function addStatsCommand(queues: Command, context: CommandContext): void {
  queues
    .command('stats <name>')
    .description('show statistics of a queue: how many jobs wait, since when, how fast they start and end')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const stats = await client.queues.stats(name);
        context.terminal.out(isJson ? documentLine(stats) : statsText(name, stats));
      });
      context.done(exitCodes.ok);
    });
}

/** `pause` and `resume` change one setting, whatever the version of the queue is. */
function addPauseCommand(queues: Command, context: CommandContext, verb: 'pause' | 'resume', text: string): void {
  queues
    .command(`${verb} <name>`)
    .description(text)
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        print(context, isJson, [await client.queues[verb](name)]);
      });
      context.done(exitCodes.ok);
    });
}

export function addQueueCommands(program: Command, context: CommandContext): void {
  const queues = program.command('queues').description('create, show and change queues');
  withSettingsFlags(queues.command('create <name>'))
    .description('create a queue; settings that are not given get their defaults')
    .action(async (name: string, flags: SettingsFlags, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        print(context, isJson, [await client.queues.create(name, settingsOf(flags))]);
      });
      context.done(exitCodes.ok);
    });
  queues
    .command('get <name>')
    .description('show the settings of a queue')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        print(context, isJson, [await client.queues.get(name)]);
      });
      context.done(exitCodes.ok);
    });
  addStatsCommand(queues, context);
  queues
    .command('list')
    .description('list all queues')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const all: QueueInfo[] = [];
        for await (const queue of client.queues.list()) all.push(queue);
        print(context, isJson, all);
      });
      context.done(exitCodes.ok);
    });
  addPauseCommand(queues, context, 'pause', 'start no more jobs of a queue; running jobs continue');
  addPauseCommand(queues, context, 'resume', 'start the jobs of a queue again');
  addUpdateCommand(queues, context);
  addPurgeCommand(queues, context);
  addDeleteQueueCommand(queues, context);
  addDiffCommand(queues, context);
  addApplyCommand(queues, context);
}
