/** Maps nodes, shards and actors to messages of the contract. */
import type {
  SeenActor,
  SeenDeadLetters,
  SeenNode,
  SeenReports,
  SeenShard,
} from '../application/cluster/see-cluster.ts';
import type {
  ActorReport,
  ActorRow,
  CellFacts,
  DeadLetterReport,
  RunFacts,
} from '../application/protocol/node-protocol.ts';
import { actorStateCodes, jobStateCodes, nodeStateCodes, shardStateCodes } from '../contract/codes.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { jobStates } from '../domain/job.ts';
import { given } from '../domain/given.ts';

export function toNode({ node, answer }: SeenNode): Init<wire.Node> {
  const known = {
    id: node.nodeId,
    incarnation: node.incarnation,
    roles: node.roles,
    version: node.version,
    slotsTotal: node.slots,
    handlers: node.handlers,
    workerClass: node.roles.includes('workers') ? node.workerClass : '',
  };
  if (answer === undefined) return { ...known, state: nodeStateCodes.silent };
  return {
    ...known,
    state: answer.draining || node.draining ? nodeStateCodes.draining : nodeStateCodes.live,
    startTime: toTime(answer.startedAtMs),
    slotsTotal: answer.slotsTotal,
    slotsFree: answer.slotsFree,
    runs: answer.runs,
    handlers: answer.handlers,
    shards: answer.shards,
    eventLoopUtilization: answer.vitals.eventLoopUtilization,
    rssBytes: answer.vitals.rssBytes,
    machineLoad: answer.vitals.machineLoad,
  };
}

export function toShard(shard: SeenShard): Init<wire.Shard> {
  const { number, report } = shard;
  if (report === undefined) return { number, state: shardStateCodes[shard.state] };
  return {
    number,
    state: shardStateCodes[report.state],
    node: shard.node,
    epoch: report.epoch,
    leaseAge: toOptionalTime(report.leaseAgeMs),
    jobs: jobStates.flatMap((state) => {
      const jobs = report.jobs[state] ?? 0;
      return jobs === 0 ? [] : [{ state: jobStateCodes[state], jobs }];
    }),
    backlog: report.backlog,
    undurable: report.undurable,
    outbox: report.outbox,
    lastCommitAge: toOptionalTime(report.lastCommitAgeMs),
  };
}

export function toActor({ node, row }: SeenActor): Init<wire.Actor> {
  return {
    node,
    path: row.path,
    kind: row.kind,
    state: actorStateCodes[row.state],
    startTime: toOptionalTime(row.startedAtMs),
    restarts: row.restarts,
    restartsInWindow: row.restartsInWindow,
    restartLimit: row.restartLimit,
    mailboxSize: row.mailboxSize,
    mailboxCapacity: row.mailboxCapacity,
    stashed: row.stashed,
    messages: row.messages,
    messageRate: row.messageRate,
    busyDuration: toTime(row.busyMs),
    busyShare: row.busyShare,
    lastError: row.lastError,
    lastErrorTime: toOptionalTime(row.lastErrorAtMs),
    facts: row.facts,
    ...given({
      run: row.run === undefined ? undefined : toRun(row.run),
      cell: row.cell === undefined ? undefined : toCell(row.cell),
    }),
  };
}

function toRun({ pulseAtMs, deadlineAtMs, ...run }: RunFacts): Init<wire.RunDetail> {
  return { ...run, pulseTime: toOptionalTime(pulseAtMs), deadline: toOptionalTime(deadlineAtMs) };
}

function toCell(cell: CellFacts): Init<wire.CellDetail> {
  return { ...cell, rssBytes: cell.rssBytes || undefined };
}

export function toInspection({ reports, silentNodes }: SeenReports): Init<wire.InspectResponse> {
  return { actors: reports.map(({ node, report }) => toReport(node, report)), silentNodes };
}

function toReport(node: string, report: ActorReport): Init<wire.ActorReport> {
  const actorOf = (row: ActorRow): Init<wire.Actor> => toActor({ node, row });
  return {
    actor: actorOf(report.actor),
    children: report.children.map(actorOf),
    events: report.events.map(({ atMs, path, type, life, error }) => ({
      time: toTime(atMs),
      path,
      type,
      incarnation: life || undefined,
      error,
    })),
    deadLetters: report.deadLetters.map((letter) => toDeadLetter(node, letter)),
  };
}

export function toDeadLetters({ letters, counts, silentNodes }: SeenDeadLetters): Init<wire.ListDeadLettersResponse> {
  return { deadLetters: letters.map(({ node, letter }) => toDeadLetter(node, letter)), counts, silentNodes };
}

function toDeadLetter(node: string, { path, reason, message, atMs }: DeadLetterReport): Init<wire.DeadLetter> {
  return { node, path, reason, message, time: toTime(atMs) };
}
