/** Formats nodes, shards and actors for people. */
import type { ActorInfo, ActorReportInfo, DeadLettersInfo, NodeInfo, ShardInfo } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { durationText, relativeText } from './duration-text.ts';
import { type Fit, tableText } from './text-table.ts';

const mebibyte = 1_048_576;

export function nodeTable(nodes: readonly NodeInfo[], nowMs: number): string {
  const rows = nodes.map((node) => {
    const silent = node.state === 'silent';
    const known = (text: string): string => (silent ? '-' : text);
    return [
      node.id,
      node.state,
      node.roles.join(','),
      node.workerClass ?? '-',
      node.version,
      known(node.startedAt === undefined ? '' : durationText(Math.max(0, nowMs - node.startedAt.getTime()))),
      node.slotsTotal === 0 ? '-' : `${node.slotsTotal}`,
      node.slotsTotal === 0 ? '-' : known(`${node.slotsFree}`),
      known(`${node.runs}`),
      known(`${node.shards}`),
      known(percent(node.eventLoopUtilization)),
      known(`${Math.round(node.rssBytes / mebibyte)} MiB`),
      known(node.machineLoad.toFixed(1)),
      known(node.handlers.map(({ name, version }) => `${name}@${version}`).join(' ')),
    ];
  });
  const header = [
    'NODE',
    'STATE',
    'ROLES',
    'CLASS',
    'VERSION',
    'UP',
    'THREADS',
    // Includes the look-ahead, so it may exceed the number of threads.
    'TAKES',
    'RUNS',
    'SHARDS',
    'LOOP',
    'MEMORY',
    'LOAD',
  ];
  return tableText([...header, 'HANDLERS'], rows);
}

export function shardTable(shards: readonly ShardInfo[]): string {
  const rows = shards.map((shard) => [
    `${shard.number}`,
    shard.state,
    shard.node ?? '-',
    shard.epoch === 0 ? '-' : `${shard.epoch}`,
    shard.leaseAgeMs === undefined ? '-' : durationText(shard.leaseAgeMs),
    `${shard.backlog}`,
    `${shard.undurable}`,
    `${shard.outbox}`,
    shard.lastCommitAgeMs === undefined ? '-' : durationText(shard.lastCommitAgeMs),
    shard.jobs.map(({ state, jobs }) => `${state} ${jobs}`).join(', '),
  ]);
  const header = ['SHARD', 'STATE', 'NODE', 'EPOCH', 'LEASE', 'BACKLOG', 'UNDURABLE', 'OUTBOX', 'COMMIT', 'JOBS'];
  return tableText(header, rows);
}

export const psHeader = ['NODE', 'PATH', 'STATE', 'UP', 'RST', 'MBOX', 'RATE', 'BUSY', 'INFO'] as const;

/** On 80 columns an attempt must still show its progress, because people look for that. */
export const psFit: Fit = { spare: ['RST', 'RATE', 'UP', 'MBOX', 'BUSY', 'NODE'], path: 'PATH', lastWidth: 44 };

export function psRow(actor: ActorInfo, nowMs: number): readonly string[] {
  const isActor = actor.mailboxCapacity > 0;
  return [
    actor.node,
    actor.path,
    actor.state,
    actor.startedAt === undefined ? '-' : durationText(Math.max(0, nowMs - actor.startedAt.getTime())),
    restartText(actor),
    isActor ? `${actor.mailboxSize}/${actor.mailboxCapacity}` : '-',
    isActor ? `${rateText(actor.messageRate)}/s` : '-',
    isActor ? percent(actor.busyShare) : '-',
    infoText(actor, nowMs),
  ];
}

export function psTable(actors: readonly ActorInfo[], nowMs: number): string {
  return tableText(
    psHeader,
    actors.map((actor) => psRow(actor, nowMs)),
  );
}

function restartText({ restarts, restartsInWindow, restartLimit }: ActorInfo): string {
  if (restartLimit !== undefined) return `${restartsInWindow}/${restartLimit}`;
  return restarts > 0 ? `${restarts}` : '-';
}

function rateText(rate: number): string {
  if (rate === 0) return '0';
  return rate < 10 ? rate.toFixed(1) : `${Math.round(rate)}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** The content of a row's last column, in one line. */
export function infoText(actor: ActorInfo, nowMs: number): string {
  const parts = [
    actor.run === undefined ? undefined : runText(actor, nowMs),
    actor.cell === undefined ? undefined : cellText(actor),
    ...Object.entries(actor.facts).map(([name, value]) => `${name} ${value}`),
    actor.lastError === undefined ? undefined : errorText(actor, nowMs),
  ];
  return oneLine(parts.filter((part) => part !== undefined).join('  '));
}

function runText({ run }: ActorInfo, nowMs: number): string {
  if (run === undefined) return '';
  const { handler, thread, progress, note, pulseAt, deadline, suspect } = run;
  const parts = [
    percent(progress),
    handler,
    note,
    thread === undefined ? 'waits for a thread' : `thread ${thread}`,
    pulseAt === undefined ? '' : `pulse ${durationText(Math.max(0, nowMs - pulseAt.getTime()))}`,
    deadline === undefined ? '' : `ends ${relativeText(deadline.getTime(), nowMs)}`,
    suspect ? 'suspect' : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function cellText({ cell }: ActorInfo): string {
  if (cell === undefined) return '';
  const { pid, rssBytes, eventLoopUtilization, threads, busy, leaked } = cell;
  const rss = rssBytes === undefined ? '-' : `${Math.round(rssBytes / mebibyte)} MiB`;
  const memory = `rss ${rss}  loop ${percent(eventLoopUtilization)}`;
  return `${pid === undefined ? 'no process' : `pid ${pid}`}  ${memory}  busy ${busy}/${threads}  leaked ${leaked}`;
}

function errorText({ lastError = '', lastErrorAt }: ActorInfo, nowMs: number): string {
  const ago = lastErrorAt === undefined ? '' : ` (${relativeText(lastErrorAt.getTime(), nowMs)})`;
  return `error: ${lastError.split('\n')[0] ?? ''}${ago}`;
}

export function reportText({ actor, children, events, deadLetters }: ActorReportInfo, nowMs: number): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['node', actor.node],
    ['path', actor.path],
    ['kind', actor.kind],
    ['state', actor.state],
    ['started', actor.startedAt?.toISOString()],
    ['restarts', `${actor.restarts}${budgetText(actor)}`],
    ['mailbox', `${actor.mailboxSize} of ${actor.mailboxCapacity}, ${actor.stashed} stashed`],
    ['messages', `${actor.messages} (${rateText(actor.messageRate)}/s)`],
    ['busy', `${durationText(actor.busyMs)} (${percent(actor.busyShare)})`],
    ['error', actor.lastError === undefined ? undefined : errorText(actor, nowMs)],
    ['job', actor.run === undefined ? undefined : `${actor.run.jobId} attempt ${actor.run.attempt}`],
    ['says', infoText({ ...withoutError(actor) }, nowMs) || undefined],
  ];
  const lines = facts.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(9)} ${oneLine(text)}\n`]));
  const sections = [
    section('children', children.length, () => psTable(children, nowMs)),
    section('events', events.length, () =>
      tableText(
        ['AT', 'EVENT', 'PATH', 'ERROR'],
        events.map(({ at, type, path, error }) => [at.toISOString(), type, path, error?.split('\n')[0] ?? '']),
      ),
    ),
    section('dead letters', deadLetters.length, () => letterTable(deadLetters)),
  ];
  return [...lines, ...sections].join('');
}

function budgetText({ restartLimit, restartsInWindow }: ActorInfo): string {
  return restartLimit === undefined ? '' : ` (${restartsInWindow} of ${restartLimit} allowed in the window)`;
}

function withoutError({ lastError: _lastError, lastErrorAt: _lastErrorAt, ...actor }: ActorInfo): ActorInfo {
  return actor;
}

function section(name: string, size: number, text: () => string): string {
  return size === 0 ? '' : `\n${name}\n${text()}`;
}

function letterTable(letters: DeadLettersInfo['letters']): string {
  const rows = letters.map(({ at, node, reason, path, message }) => [at.toISOString(), node, reason, path, message]);
  return tableText(['AT', 'NODE', 'REASON', 'PATH', 'MESSAGE'], rows);
}

export function deadLettersText({ letters, counts }: DeadLettersInfo): string {
  const totals = counts.map(({ node, reason, count }) => [node, reason, `${count}`]);
  const summary = totals.length === 0 ? '' : tableText(['NODE', 'REASON', 'COUNT'], totals);
  return letters.length === 0 ? summary : `${summary}\n${letterTable(letters)}`;
}
