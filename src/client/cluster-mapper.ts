/** Maps nodes, shards and actors of the contract to the client's types. */
import { actorStateCodes, jobStateCodes, nodeStateCodes, shardStateCodes } from '../contract/codes.ts';
import { numberOf, presentNumber } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import type {
  ActorEventInfo,
  ActorInfo,
  ActorReportInfo,
  CellInfo,
  DeadLetterInfo,
  DeadLettersInfo,
  NodeInfo,
  RunInfo,
  ShardInfo,
} from './cluster-types.ts';
import { given } from '../domain/given.ts';

export function fromNode(node: wire.Node): NodeInfo {
  // Copied field by field, because a decoded message has no own properties for fields with their default value.
  const { id, roles, version, slotsTotal, slotsFree, runs, shards, eventLoopUtilization, machineLoad } = node;
  return {
    id,
    roles,
    version,
    slotsTotal,
    slotsFree,
    runs,
    shards,
    eventLoopUtilization,
    machineLoad,
    incarnation: numberOf(node.incarnation),
    state: wordOf(nodeStateCodes, node.state) ?? 'unspecified',
    ...dateOf('startedAt', node.startTime),
    ...given({ workerClass: node.workerClass || undefined }),
    handlers: node.handlers.map(({ name, version: of }) => ({ name, version: of })),
    rssBytes: numberOf(node.rssBytes),
  };
}

export function fromShard(shard: wire.Shard): ShardInfo {
  const leaseAgeMs = durationMs(shard.leaseAge);
  const lastCommitAgeMs = durationMs(shard.lastCommitAge);
  return {
    number: shard.number,
    state: wordOf(shardStateCodes, shard.state) ?? 'unspecified',
    ...given({ node: shard.node || undefined }),
    epoch: numberOf(shard.epoch),
    ...given({ leaseAgeMs }),
    jobs: shard.jobs.map(({ state, jobs }) => ({
      state: wordOf(jobStateCodes, state) ?? 'UNKNOWN',
      jobs: numberOf(jobs),
    })),
    backlog: numberOf(shard.backlog),
    undurable: numberOf(shard.undurable),
    outbox: numberOf(shard.outbox),
    ...given({ lastCommitAgeMs }),
  };
}

export function fromActor(actor: wire.Actor): ActorInfo {
  const { node, path, kind, state, restarts, restartsInWindow, restartLimit, messageRate, busyShare } = actor;
  return {
    node,
    path,
    kind,
    restarts,
    restartsInWindow,
    messageRate,
    busyShare,
    state: wordOf(actorStateCodes, state) ?? 'unspecified',
    ...dateOf('startedAt', actor.startTime),
    ...given({ restartLimit: restartLimit ?? undefined }),
    mailboxSize: actor.mailboxSize,
    mailboxCapacity: actor.mailboxCapacity,
    stashed: actor.stashed,
    messages: numberOf(actor.messages),
    busyMs: durationMs(actor.busyDuration) ?? 0,
    ...given({ lastError: actor.lastError || undefined }),
    ...dateOf('lastErrorAt', actor.lastErrorTime),
    facts: { ...actor.facts },
    ...given({
      run: actor.detail === 'run' && actor.run !== undefined ? fromRun(actor.run) : undefined,
      cell: actor.detail === 'cell' && actor.cell !== undefined ? fromCell(actor.cell) : undefined,
    }),
  };
}

function fromRun(run: wire.RunDetail): RunInfo {
  const { jobId, attempt, handler, cellPid, thread, progress, note, suspect } = run;
  return {
    jobId,
    attempt,
    handler,
    progress,
    note,
    suspect,
    ...given({ cellPid: cellPid ?? undefined, thread: thread ?? undefined }),
    ...dateOf('pulseAt', run.pulseTime),
    ...dateOf('deadline', run.deadline),
  };
}

function fromCell(cell: wire.CellDetail): CellInfo {
  const { pid, eventLoopUtilization, threads, busy, leaked } = cell;
  const rssBytes = presentNumber(cell, 'rssBytes');
  return {
    ...given({ pid: pid ?? undefined, rssBytes }),
    eventLoopUtilization,
    threads,
    busy,
    leaked,
  };
}

export function fromReport(report: wire.ActorReport): ActorReportInfo | undefined {
  if (report.actor === null) return undefined;
  return {
    actor: fromActor(report.actor),
    children: report.children.map(fromActor),
    events: report.events.map(fromEvent),
    deadLetters: report.deadLetters.map(fromDeadLetter),
  };
}

function fromEvent({ time, path, type, incarnation, error }: wire.ActorEvent): ActorEventInfo {
  return {
    at: new Date(timestampMs(time) ?? 0),
    path,
    type,
    ...given({ incarnation: incarnation ?? undefined, error: error || undefined }),
  };
}

export function fromDeadLetters(answer: wire.ListDeadLettersResponse): DeadLettersInfo {
  return {
    letters: answer.deadLetters.map(fromDeadLetter),
    counts: answer.counts.map(({ node, reason, count }) => ({ node, reason, count: numberOf(count) })),
    silentNodes: answer.silentNodes,
  };
}

function fromDeadLetter({ node, path, reason, message, time }: wire.DeadLetter): DeadLetterInfo {
  return { node, path, reason, message, at: new Date(timestampMs(time) ?? 0) };
}

function dateOf<N extends string>(name: N, time: wire.Timestamp | null): { readonly [K in N]?: Date } {
  const ms = timestampMs(time);
  // The type permits exactly this key.
  return (ms === undefined ? {} : { [name]: new Date(ms) }) as { readonly [K in N]?: Date };
}
