/**
 * The verbs by which a node is inspected and steered: `troupe.node.<id>.<verb>`, JSON in both directions. Times are
 * epoch ms of the node's own clock. An answer must fit into one message of the broker: see `treeMaxBytes`.
 */
import type { JobRecord, JobState } from '../../domain/job.ts';

export interface NodeReport {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly roles: readonly string[];
  readonly version: string;
  readonly draining: boolean;
  readonly startedAtMs: number;
  /** Threads for attempts. 0 without the role `workers`. */
  readonly slotsTotal: number;
  /** Attempts that the node would accept now. It includes a short look-ahead and may exceed `slotsTotal`. */
  readonly slotsFree: number;
  /** Runs in threads, and those that wait for one. */
  readonly runs: number;
  readonly handlers: readonly { readonly name: string; readonly version: string }[];
  readonly shards: number;
  readonly vitals: NodeVitals;
}

export interface NodeVitals {
  /** Share of the time for which the event loop was busy since the last report, 0..1. */
  readonly eventLoopUtilization: number;
  /** Memory of the process without its cells. */
  readonly rssBytes: number;
  /** Load average of the machine over one minute. */
  readonly machineLoad: number;
}

export type ActorRowState =
  'starting' | 'running' | 'stopping' | 'waiting' | 'suspended' | 'quarantined' | 'stopped' | 'draining' | 'silent';

export interface RunFacts {
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly cellPid?: number;
  readonly thread?: number;
  readonly progress: number;
  readonly note: string;
  /** When the thread last gave a sign of life. */
  readonly pulseAtMs?: number;
  readonly deadlineAtMs?: number;
  /** The attempt runs isolated, because the job was in a thread of a cell that died. */
  readonly suspect: boolean;
}

export interface CellFacts {
  readonly pid?: number;
  readonly rssBytes: number;
  readonly eventLoopUtilization: number;
  readonly threads: number;
  readonly busy: number;
  /** Threads that could not be terminated. */
  readonly leaked: number;
}

/** One actor, run or cell of a node, or the node itself (path `/`). */
export interface ActorRow {
  readonly path: string;
  readonly kind: string;
  readonly state: ActorRowState;
  readonly startedAtMs?: number;
  /** Restarts since the actor was created. */
  readonly restarts: number;
  /** Restarts within the present window of the restart budget; `restartLimit` is how many the budget allows. */
  readonly restartsInWindow: number;
  readonly restartLimit?: number;
  readonly mailboxSize: number;
  readonly mailboxCapacity: number;
  /** Messages that the actor has put aside for later. */
  readonly stashed: number;
  /** Messages that all incarnations of the actor have handled. */
  readonly messages: number;
  /** Messages per second, over the last two to four seconds. */
  readonly messageRate: number;
  /** Time for which the actor held the thread. Time spent awaiting a promise is not included. */
  readonly busyMs: number;
  /** Share of the last two to four seconds for which it was busy, 0..1. */
  readonly busyShare: number;
  readonly lastError?: string;
  readonly lastErrorAtMs?: number;
  /** What the actor describes of itself, as text. */
  readonly facts: Readonly<Record<string, string>>;
  readonly run?: RunFacts;
  readonly cell?: CellFacts;
}

/** The fields of a row that has no actor behind it. */
export const actorless = {
  restarts: 0,
  restartsInWindow: 0,
  mailboxSize: 0,
  mailboxCapacity: 0,
  stashed: 0,
  messages: 0,
  messageRate: 0,
  busyMs: 0,
  busyShare: 0,
  facts: {},
} as const satisfies Partial<ActorRow>;

export interface TreeReport {
  readonly rows: readonly ActorRow[];
  /** Number of rows that did not fit into `treeMaxBytes`. */
  readonly omitted: number;
}

export interface ShardReport {
  readonly shard: number;
  /** `opening`: the node holds the lease and is reading the state. */
  readonly state: 'owned' | 'opening';
  readonly epoch: number;
  /** Time since the lease was last renewed. */
  readonly leaseAgeMs?: number;
  /** Jobs in the memory of the shard, by state. States without jobs are left out. */
  readonly jobs: Readonly<Partial<Record<JobState, number>>>;
  /** Unfinished jobs. */
  readonly backlog: number;
  /** Decisions that are not durable yet. */
  readonly undurable: number;
  /** WORK messages and events that JetStream has not confirmed yet. */
  readonly outbox: number;
  readonly lastCommitAgeMs?: number;
}

export interface ActorEventReport {
  readonly atMs: number;
  readonly path: string;
  readonly type: string;
  /** Incarnation of the actor. */
  readonly life: number;
  readonly error?: string;
}

export interface DeadLetterReport {
  readonly path: string;
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

export interface ActorReport {
  readonly actor: ActorRow;
  readonly children: readonly ActorRow[];
  /** Newest first. The same holds for the dead letters. */
  readonly events: readonly ActorEventReport[];
  readonly deadLetters: readonly DeadLetterReport[];
}

export interface DeadLettersReport {
  readonly letters: readonly DeadLetterReport[];
  readonly counts: Readonly<Record<string, number>>;
}

interface Exchange<Ask, Answer> {
  readonly ask: Ask;
  readonly answer: Answer;
}

export interface NodeVerbs {
  readonly describe: Exchange<null, NodeReport>;
  readonly tree: Exchange<{ readonly path: string }, TreeReport>;
  readonly shards: Exchange<null, readonly ShardReport[]>;
  /** Null if there is no actor at the path. */
  readonly inspect: Exchange<{ readonly path: string }, ActorReport | null>;
  readonly deadLetters: Exchange<{ readonly path: string; readonly limit: number }, DeadLettersReport>;
  /** Answers when the drain has begun. */
  readonly drain: Exchange<null, NodeReport>;
  /** For gateways: the record replaces a copy that they may have cached. */
  readonly forgetPayloads: Exchange<JobRecord, null>;
  /** Answers when the profile is complete. Its parts can then be fetched for `profileKeptMs`. */
  readonly profile: Exchange<
    { readonly jobId: string; readonly token: string; readonly durationMs: number },
    { readonly profileId: string; readonly parts: number }
  >;
  readonly profilePart: Exchange<{ readonly profileId: string; readonly part: number }, { readonly base64: string }>;
}
export type NodeVerb = keyof NodeVerbs;

const nodeVerbSet: Readonly<Record<NodeVerb, true>> = {
  describe: true,
  tree: true,
  shards: true,
  inspect: true,
  deadLetters: true,
  drain: true,
  forgetPayloads: true,
  profile: true,
  profilePart: true,
};

export function isNodeVerb(verb: string): verb is NodeVerb {
  return Object.hasOwn(nodeVerbSet, verb);
}

/** Bytes of the rows in one answer. The broker's own limit is 1 MiB. */
export const treeMaxBytes = 700 * 1_024;
/** Bytes of one part of a profile before it is encoded as base64. */
export const profilePartBytes = 384 * 1_024;
export const profileKeptMs = 60_000;

/** Whether `path` is `top` or below it. Every path is below `/`. */
export function isWithin(path: string, top: string): boolean {
  return top === '/' || path === top || path.startsWith(`${top}/`);
}
