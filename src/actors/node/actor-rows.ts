/**
 * The rows of a node's tree. Besides its actors they show the node itself (`/`), its cells (`/node/cells/...`) and its
 * runs (`/node/workers/runs/...`). Pure.
 */
import {
  actorless,
  type ActorRow,
  type ActorRowState,
  isWithin,
  type NodeReport,
  treeMaxBytes,
  type TreeReport,
} from '../../application/protocol/node-protocol.ts';
import type { RunPoolStats, RunView } from '../../application/ports/run-pool.ts';
import type { TreeNode } from '../../kernel/index.ts';
import type { Activity } from './activity-meter.ts';
import { queueOfPath, runsPath } from './node-paths.ts';
import { isInstantFact } from './shard-reports.ts';
import { given } from '../../domain/given.ts';

export interface RowSources {
  readonly tree: readonly TreeNode[];
  readonly node: NodeReport;
  readonly cells: RunPoolStats['cells'];
  readonly runs: readonly RunView[];
  readonly nowMs: number;
  readonly activityOf: (node: TreeNode) => Activity;
  /** The reason for which the queue is in quarantine on this node, if it is. */
  readonly heldFor: (tenant: string, queue: string) => string | undefined;
}

export function actorRows(sources: RowSources): readonly ActorRow[] {
  const rows: ActorRow[] = [nodeRow(sources.node)];
  for (const actor of sources.tree) {
    rows.push(actorRow(actor, sources));
    if (actor.path === runsPath) rows.push(...sources.runs.map((run) => runRow(run, sources.nowMs)));
  }
  return [...rows, ...sources.cells.map((cell, index) => cellRow(cell, index))];
}

/** The rows at and below `path`, as many as fit into `maxBytes`. */
export function boundedTree(rows: readonly ActorRow[], path: string, maxBytes = treeMaxBytes): TreeReport {
  const wanted = rows.filter((row) => isWithin(row.path, path));
  let bytes = 0;
  let count = 0;
  for (const row of wanted) {
    // Measure each row instead of estimating it: its text is short and mostly ASCII, so this is cheap.
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes > maxBytes) break;
    count += 1;
  }
  return { rows: wanted.slice(0, count), omitted: wanted.length - count };
}

export function nodeRow(node: NodeReport): ActorRow {
  const { slotsFree, slotsTotal, runs, shards, vitals, version } = node;
  return {
    ...actorless,
    path: '/',
    kind: 'node',
    state: node.draining ? 'draining' : 'running',
    startedAtMs: node.startedAtMs,
    facts: {
      version,
      roles: node.roles.join(','),
      ...given({
        slotsTotal: slotsTotal > 0 ? String(slotsTotal) : undefined,
        slotsFree: slotsTotal > 0 ? String(slotsFree) : undefined,
        runs: slotsTotal > 0 ? String(runs) : undefined,
      }),
      shards: String(shards),
      loop: vitals.eventLoopUtilization.toFixed(2),
      rssMiB: String(Math.round(vitals.rssBytes / 1_048_576)),
    },
  };
}

function actorRow(actor: TreeNode, sources: RowSources): ActorRow {
  const { messageRate, busyShare } = sources.activityOf(actor);
  const queue = queueOfPath(actor.path);
  const heldFor = queue && sources.heldFor(queue.tenant, queue.name);
  const facts = shownFacts(actor);
  return {
    path: actor.path,
    kind: actor.kind,
    state: heldFor === undefined ? actor.state : 'quarantined',
    ...given({ startedAtMs: actor.upMs === undefined ? undefined : Math.round(sources.nowMs - actor.upMs) }),
    restarts: actor.restarts,
    restartsInWindow: actor.budget?.inWindow ?? 0,
    ...given({ restartLimit: actor.budget?.limit }),
    mailboxSize: actor.mailboxSize,
    mailboxCapacity: actor.mailboxCapacity,
    stashed: actor.stashed,
    messages: actor.messagesHandled,
    messageRate,
    busyMs: actor.busyMs,
    busyShare,
    ...given({ lastError: actor.lastError, lastErrorAtMs: actor.lastErrorAtMs }),
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
function runRow(run: RunView, nowMs: number): ActorRow {
  const { jobId, attempt, handler, startedAgoMs, pulseAgoMs, cellPid, thread, progress, note, suspect } = run;
  const startedAtMs = startedAgoMs === undefined ? undefined : Math.round(nowMs - startedAgoMs);
  const ownEndMs = startedAtMs === undefined ? undefined : startedAtMs + run.executionTimeoutMs;
  const endsMs = [ownEndMs, run.deadlineAtMs].filter((atMs) => atMs !== undefined);
  return {
    ...actorless,
    path: `${runsPath}/run:${jobId}#${attempt}`,
    kind: 'run',
    state: startedAtMs === undefined ? 'waiting' : 'running',
    ...given({ startedAtMs }),
    run: {
      jobId,
      attempt,
      handler,
      ...given({ cellPid, thread }),
      progress,
      note,
      ...given({
        pulseAtMs: pulseAgoMs === undefined ? undefined : Math.round(nowMs - pulseAgoMs),
        deadlineAtMs: startedAtMs !== undefined && endsMs.length > 0 ? Math.min(...endsMs) : undefined,
      }),
      suspect,
    },
  };
}

/** Cells use the states of actors, so that clients know one list. */
const cellStates = {
  starting: 'starting',
  up: 'running',
  draining: 'stopping',
  down: 'waiting',
} as const satisfies Record<RunPoolStats['cells'][number]['state'], ActorRowState>;

function cellRow(cell: RunPoolStats['cells'][number], index: number): ActorRow {
  const { pid, state, restarts, rssBytes, eventLoopUtilization, threads, busy, leaked } = cell;
  return {
    ...actorless,
    path: `/node/cells/cell:${index}`,
    kind: 'cell',
    state: cellStates[state],
    restarts,
    cell: { ...given({ pid }), rssBytes, eventLoopUtilization, threads, busy, leaked },
  };
}
