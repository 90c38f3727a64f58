/**
 * The rows of a node's tree. Besides its actors they show the node itself (`/`), its cells (`/node/cells/...`) and its
 * runs (`/node/workers/runs/...`). Pure.
 */
import { actorStateCodes, nodeStateCodes } from '../../contract/codes.ts';
import { numberOf } from '../../contract/int64.ts';
import type * as wire from '../../contract/messages.ts';
import { toOptionalTime, toTime } from '../../contract/time.ts';
import { actorless, isWithin, treeMaxBytes } from '../../application/ports/node-protocol.ts';
import type { RunPoolStats, RunView } from '../../application/ports/run-pool.ts';
import type { TreeNode } from '../../kernel/index.ts';
import type { Activity } from './activity-meter.ts';
import { queueOfPath, runsPath } from './node-paths.ts';
import { isInstantFact } from './shard-reports.ts';
import { given } from '../../domain/given.ts';

export interface RowSources {
  readonly tree: readonly TreeNode[];
  readonly node: wire.Node;
  readonly outages: readonly string[];
  readonly cells: RunPoolStats['cells'];
  readonly runs: readonly RunView[];
  readonly nowMs: number;
  readonly activityOf: (node: TreeNode) => Activity;
  /** The reason for which the queue is in quarantine on this node, if it is. */
  readonly heldFor: (tenant: string, queue: string) => string | undefined;
}

export function actorRows(sources: RowSources): readonly wire.Actor[] {
  const rows: wire.Actor[] = [nodeRow(sources)];
  for (const actor of sources.tree) {
    rows.push(actorRow(actor, sources));
    if (actor.path === runsPath) rows.push(...sources.runs.map((run) => runRow(run, sources)));
  }
  return [...rows, ...sources.cells.map((cell, index) => cellRow(cell, index, sources.node.id))];
}

/** The rows at and below `path`, as many as fit into `maxBytes`. */
export function boundedTree(rows: readonly wire.Actor[], path: string, maxBytes = treeMaxBytes): wire.GetTreeResponse {
  const wanted = rows.filter((row) => isWithin(row.path, path));
  let bytes = 0;
  let count = 0;
  for (const row of wanted) {
    // Measure each row instead of estimating it: its text is short and mostly ASCII, so this is cheap.
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes > maxBytes) break;
    count += 1;
  }
  return { actors: wanted.slice(0, count), omitted: wanted.length - count };
}

function nodeRow({ node, outages }: RowSources): wire.Actor {
  const { slotsFree, slotsTotal, runs, shards, version } = node;
  return {
    ...actorless,
    node: node.id,
    path: '/',
    kind: 'node',
    state: node.state === nodeStateCodes.draining ? actorStateCodes.draining : actorStateCodes.running,
    startTime: node.startTime,
    facts: {
      version,
      roles: node.roles.join(','),
      ...given({
        slotsTotal: slotsTotal > 0 ? String(slotsTotal) : undefined,
        slotsFree: slotsTotal > 0 ? String(slotsFree) : undefined,
        runs: slotsTotal > 0 ? String(runs) : undefined,
      }),
      shards: String(shards),
      loop: node.eventLoopUtilization.toFixed(2),
      rssMiB: String(Math.round(numberOf(node.rssBytes) / 1_048_576)),
      ...given({ away: outages.length > 0 ? outages.join(', ') : undefined }),
    },
  };
}

function actorRow(actor: TreeNode, sources: RowSources): wire.Actor {
  const queue = queueOfPath(actor.path);
  const heldFor = queue && sources.heldFor(queue.tenant, queue.name);
  const facts = shownFacts(actor);
  return {
    node: sources.node.id,
    path: actor.path,
    kind: actor.kind,
    state: actorStateCodes[heldFor === undefined ? actor.state : 'quarantined'],
    startTime: timeAgo(sources, actor.upMs),
    restarts: actor.restarts,
    restartsInWindow: actor.budget?.inWindow ?? 0,
    restartLimit: actor.budget?.limit ?? null,
    mailboxSize: actor.mailboxSize,
    mailboxCapacity: actor.mailboxCapacity,
    stashed: actor.stashed,
    messages: actor.messagesHandled,
    ...sources.activityOf(actor),
    busyDuration: toTime(actor.busyMs),
    lastError: actor.lastError ?? '',
    lastErrorTime: toOptionalTime(actor.lastErrorAtMs) ?? null,
    facts: heldFor === undefined ? facts : { ...facts, quarantine: heldFor },
  };
}

/**
 * Leaves out instants of this process's own clock, which mean nothing elsewhere. `shardReports` turns them into ages.
 */
function shownFacts({ facts }: TreeNode): Readonly<Record<string, string>> {
  const shown = Object.entries(facts).filter(([name]) => !isInstantFact(name));
  return Object.fromEntries(shown.map(([name, value]) => [name, String(value)]));
}

/** A run ends at the earlier of its execution timeout and the job's deadline. */
function runRow(run: RunView, sources: RowSources): wire.Actor {
  const { jobId, attempt, handler, startedAgoMs, cellPid, thread, progress, note, suspect, deadlineAtMs } = run;
  const hasBegun = startedAgoMs !== undefined;
  const ownEndMs = hasBegun ? Math.round(sources.nowMs - startedAgoMs) + run.executionTimeoutMs : 0;
  return {
    ...actorless,
    node: sources.node.id,
    path: `${runsPath}/run:${jobId}#${attempt}`,
    kind: 'run',
    state: hasBegun ? actorStateCodes.running : actorStateCodes.waiting,
    startTime: timeAgo(sources, startedAgoMs),
    run: {
      jobId,
      attempt,
      handler,
      cellPid: cellPid ?? null,
      thread: thread ?? null,
      progress,
      note,
      pulseTime: timeAgo(sources, run.pulseAgoMs),
      deadline: hasBegun ? toTime(Math.min(ownEndMs, deadlineAtMs ?? ownEndMs)) : null,
      suspect,
    },
  };
}

function timeAgo({ nowMs }: RowSources, agoMs: number | undefined): wire.Timestamp | null {
  return agoMs === undefined ? null : toTime(Math.round(nowMs - agoMs));
}

/** Cells use the states of actors, so that clients know one list. */
const cellStates = {
  starting: 'starting',
  up: 'running',
  draining: 'stopping',
  down: 'waiting',
} as const satisfies Record<RunPoolStats['cells'][number]['state'], keyof typeof actorStateCodes>;

function cellRow(cell: RunPoolStats['cells'][number], index: number, node: string): wire.Actor {
  const { pid, state, restarts, rssBytes, eventLoopUtilization, threads, busy, leaked } = cell;
  return {
    ...actorless,
    node,
    path: `/node/cells/cell:${index}`,
    kind: 'cell',
    state: actorStateCodes[cellStates[state]],
    restarts,
    cell: { pid: pid ?? null, rssBytes: rssBytes || null, eventLoopUtilization, threads, busy, leaked },
  };
}
