/** `troupe subscriptions`: places in the events of the tenant, from which programs read them on NATS. */
import type { Command } from 'commander';
import type { EventBacklogInfo, EventSubscriptionInfo } from '../../client/index.ts';
import {
  ackPendingRange,
  deliveriesRange,
  subscriptionIdleDefaultMs,
  ackWaitDefaultMs,
} from '../../domain/event-subscription.ts';
import { given } from '../../domain/given.ts';
import type { JobEventType } from '../../domain/job.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { countFlag, durationFlag, eventFlag, timeFlag } from '../flags/flag-values.ts';
import { durationText, relativeText } from '../text/duration-text.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';

interface CreateFlags {
  readonly queue?: readonly string[];
  readonly event?: readonly JobEventType[];
  readonly since?: Date;
  readonly ackWait?: number;
  readonly maxAckPending?: number;
  readonly maxDeliver?: number;
  readonly idleTimeout?: number;
  readonly description?: string;
}

export function addSubscriptionCommands(program: Command, context: CommandContext): void {
  const subscriptions = program
    .command('subscriptions')
    .description('event subscriptions: from where programs read events on NATS');
  addCreate(subscriptions, context);
  subscriptions
    .command('get <name>')
    .description('show a subscription, and how far its followers are')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const found = await client.events.get(name);
        const text = `${subscriptionText(found, context.nowMs())}\n${backlogTable(found.backlog)}`;
        context.terminal.out(isJson ? documentLine(found) : text);
      });
      context.done(exitCodes.ok);
    });
  subscriptions
    .command('list')
    .description('list all subscriptions of the tenant')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const all = await client.events.list();
        context.terminal.out(isJson ? all.map(documentLine).join('') : subscriptionTable(all, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
  subscriptions
    .command('delete <name>')
    .description('end a subscription; its followers receive nothing more')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await withSession(context, command, ({ client }) => client.events.delete(name));
      context.done(exitCodes.ok);
    });
}

function addCreate(subscriptions: Command, context: CommandContext): void {
  subscriptions
    .command('create <name>')
    .description('make a subscription')
    .option('--queue <name>', 'read the events of this queue; repeatable (default: all queues)', withQueue)
    .option('--event <event>', 'read these events, such as succeeded; repeatable (default: all)', eventFlag)
    .option('--since <time>', 'read events of this time and later (default: all that are kept)', timeFlag('since'))
    .option(
      '--ack-wait <duration>',
      `deliver an event again after this time without an ack, 1s to 1h (default: ${durationText(ackWaitDefaultMs)})`,
      durationFlag('ack-wait'),
    )
    .option(
      '--max-ack-pending <n>',
      'events of one stream that may be delivered and not acknowledged (default: 1000)',
      countFlag('max-ack-pending', ackPendingRange.min, ackPendingRange.max),
    )
    .option(
      '--max-deliver <n>',
      'deliveries of one event (default: until it is acknowledged)',
      countFlag('max-deliver', deliveriesRange.min, deliveriesRange.max),
    )
    .option(
      '--idle-timeout <duration>',
      `end it when nobody has read for this time, 1h to 30d (default: ${durationText(subscriptionIdleDefaultMs)})`,
      durationFlag('idle-timeout'),
    )
    .option('--description <text>', 'what it is for')
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      const { queue: queues, event: events, since: startAt, ackWait, maxAckPending, maxDeliver, idleTimeout } = flags;
      const times = { ackWaitMs: ackWait, idleTimeoutMs: idleTimeout };
      const { description } = flags;
      const options = given({ description, queues, events, startAt, maxAckPending, maxDeliver, ...times });
      await withSession(context, command, async ({ client, isJson }) => {
        const made = await client.events.create(name, options);
        context.terminal.out(isJson ? documentLine(made) : subscriptionText(made, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

function withQueue(queue: string, former: readonly string[] = []): readonly string[] {
  return [...former, queue];
}

function listText(words: readonly string[]): string {
  return words.length === 0 ? 'all' : words.map(oneLine).join(', ');
}

function subscriptionText(subscription: EventSubscriptionInfo, nowMs: number): string {
  const { name, description, queues, events, startAt, login } = subscription;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['name', oneLine(name)],
    ['description', description === '' ? undefined : oneLine(description)],
    ['queues', listText(queues)],
    ['events', listText(events)],
    ['since', startAt?.toISOString()],
    ['ack wait', durationText(subscription.ackWaitMs)],
    ['idle timeout', durationText(subscription.idleTimeoutMs)],
    ['created', `${relativeText(subscription.createdAt.getTime(), nowMs)}, by ${oneLine(subscription.creator)}`],
    ['consumer', oneLine(subscription.consumer)],
    ['streams', listText(subscription.streams)],
    ['user', login && `${oneLine(login.user)}; with an API key: ${oneLine(login.user)}.KEYID`],
    ['api prefix', login && oneLine(login.apiPrefix)],
    ['inbox prefix', login && oneLine(login.inboxPrefix)],
    ['servers', login && listText(login.servers)],
  ];
  const shown = rows.flatMap(([word, value]) => (value === undefined ? [] : [[word, value] as const]));
  return shown.map(([word, value]) => `${word.padEnd(14)}${value}\n`).join('');
}

function subscriptionTable(all: readonly EventSubscriptionInfo[], nowMs: number): string {
  const rows = all.map(({ name, queues, events, createdAt, description }) => [
    oneLine(name),
    listText(queues),
    listText(events),
    relativeText(createdAt.getTime(), nowMs),
    oneLine(description),
  ]);
  return tableText(['SUBSCRIPTION', 'QUEUES', 'EVENTS', 'CREATED', 'DESCRIPTION'], rows);
}

function backlogTable(backlog: readonly EventBacklogInfo[]): string {
  const rows = backlog.map(({ stream, pending, ackPending, redelivered, waiting }) => [
    oneLine(stream),
    ...[pending, ackPending, redelivered, waiting].map(String),
  ]);
  return tableText(['STREAM', 'PENDING', 'ACK PENDING', 'REDELIVERED', 'WAITING'], rows);
}
