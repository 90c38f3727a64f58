/**
 * What a node can be asked about itself, and by whom it is steered: verbs of `troupe.node.<id>.<verb>`, JSON both ways.
 * Times are epoch ms of the node's own clock. An answer has to fit into one message of the broker: see `treeMaxBytes`.
 */
import type { JobRecord, JobState } from '../../domain/job.ts';

export interface NodeReport {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly roles: readonly string[];
  readonly version: string;
  readonly draining: boolean;
  readonly startedAtMs: number;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly runs: number;
  readonly handlers: readonly { readonly name: string; readonly version: string }[];
  readonly shards: number;
  readonly vitals: NodeVitals;
}

export interface NodeVitals {
  /** Share of time that the event loop was busy since the last look; 0..1. */
  readonly eventLoopUtilization: number;
  readonly rssBytes: number;
  /** Over one minute. */
  readonly machineLoad: number;
}

export type ActorRowState =
  'starting' | 'running' | 'stopping' | 'waiting' | 'quarantined' | 'stopped' | 'draining' | 'silent';

export interface RunFacts {
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly cellPid?: number;
  readonly thread?: number;
  readonly progress: number;
  readonly note: string;
  readonly pulseAtMs?: number;
  readonly deadlineAtMs?: number;
  readonly suspect: boolean;
}

export interface CellFacts {
  readonly pid?: number;
  readonly rssBytes: number;
  readonly eventLoopUtilization: number;
  readonly threads: number;
  readonly busy: number;
  readonly leaked: number;
}

/** One actor, run or cell of a node, or the node itself (path `/`). */
export interface ActorRow {
  readonly path: string;
  readonly kind: string;
  readonly state: ActorRowState;
  readonly startedAtMs?: number;
  readonly restarts: number;
  readonly restartsInWindow: number;
  readonly restartLimit?: number;
  readonly mailboxSize: number;
  readonly mailboxCapacity: number;
  readonly stashed: number;
  readonly messages: number;
  readonly messageRate: number;
  readonly busyMs: number;
  readonly busyShare: number;
  readonly lastError?: string;
  readonly lastErrorAtMs?: number;
  readonly facts: Readonly<Record<string, string>>;
  readonly run?: RunFacts;
  readonly cell?: CellFacts;
}

/** What a row says that has no actor behind it. */
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
  /** Rows past `treeMaxBytes`. */
  readonly omitted: number;
}

export interface ShardReport {
  readonly shard: number;
  /** `opening`: the lease is held, the state is being read. */
  readonly state: 'owned' | 'opening';
  readonly epoch: number;
  readonly leaseAgeMs?: number;
  readonly jobs: Readonly<Partial<Record<JobState, number>>>;
  readonly backlog: number;
  readonly undurable: number;
  readonly outbox: number;
  readonly lastCommitAgeMs?: number;
}

export interface ActorEventReport {
  readonly atMs: number;
  readonly path: string;
  readonly type: string;
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
  /** Newest first, as are the dead letters. */
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
  /** Null: no actor is there. */
  readonly inspect: Exchange<{ readonly path: string }, ActorReport | null>;
  readonly 'dead-letters': Exchange<{ readonly path: string; readonly limit: number }, DeadLettersReport>;
  readonly drain: Exchange<null, NodeReport>;
  /** Of gateways: the record takes the place of the copy they may keep. */
  readonly 'forget-payloads': Exchange<JobRecord, null>;
  /** Answers when the profile is complete; it is then fetched part by part within `profileKeptMs`. */
  readonly profile: Exchange<
    { readonly jobId: string; readonly token: string; readonly durationMs: number },
    { readonly profileId: string; readonly parts: number }
  >;
  readonly 'profile-part': Exchange<{ readonly profileId: string; readonly part: number }, { readonly base64: string }>;
}
export type NodeVerb = keyof NodeVerbs;

const nodeVerbSet: Readonly<Record<NodeVerb, true>> = {
  describe: true,
  tree: true,
  shards: true,
  inspect: true,
  'dead-letters': true,
  drain: true,
  'forget-payloads': true,
  profile: true,
  'profile-part': true,
};

export function isNodeVerb(verb: string): verb is NodeVerb {
  return Object.hasOwn(nodeVerbSet, verb);
}

/** Rows in one answer; the broker's own limit is 1 MiB. */
export const treeMaxBytes = 700 * 1_024;
/** Of one part of a profile before it is written as base64. */
export const profilePartBytes = 384 * 1_024;
export const profileKeptMs = 60_000;

/** `path` itself, or below it; `/` has everything below it. */
export function isWithin(path: string, top: string): boolean {
  return top === '/' || path === top || path.startsWith(`${top}/`);
}
