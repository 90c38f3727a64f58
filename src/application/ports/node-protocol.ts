/**
 * The verbs by which a node is inspected and steered: `troupe.node.<id>.<verb>`, JSON in both directions. What a node
 * shows are messages of the contract, which a gateway passes on. Times are those of the node's own clock. An answer must
 * fit into one message of the broker: see `treeMaxBytes`.
 */
import type * as wire from '../../contract/messages.ts';
import { toTime } from '../../contract/time.ts';
import type { JobRecord } from '../../domain/job.ts';

export interface NodeVitals {
  /** Share of the time for which the event loop was busy since the last report, 0..1. */
  readonly eventLoopUtilization: number;
  /** Memory of the process without its cells. */
  readonly rssBytes: number;
  /** Load average of the machine over one minute. */
  readonly machineLoad: number;
}

/** The fields of a row that has no actor behind it. */
export const actorless = {
  startTime: null,
  restarts: 0,
  restartsInWindow: 0,
  restartLimit: null,
  mailboxSize: 0,
  mailboxCapacity: 0,
  stashed: 0,
  messages: 0,
  messageRate: 0,
  busyDuration: toTime(0),
  busyShare: 0,
  lastError: '',
  lastErrorTime: null,
  facts: {},
} as const satisfies Partial<wire.Actor>;

interface Exchange<Ask, Answer> {
  readonly ask: Ask;
  readonly answer: Answer;
}

export interface NodeVerbs {
  readonly describe: Exchange<null, wire.Node>;
  /** As many rows as fit into `treeMaxBytes`. */
  readonly tree: Exchange<{ readonly path: string }, wire.GetTreeResponse>;
  readonly shards: Exchange<null, readonly wire.Shard[]>;
  /** Null if there is no actor at the path. */
  readonly inspect: Exchange<{ readonly path: string }, wire.ActorReport | null>;
  readonly deadLetters: Exchange<
    { readonly path: string; readonly limit: number },
    Pick<wire.ListDeadLettersResponse, 'deadLetters' | 'counts'>
  >;
  /** Answers when the drain has begun. */
  readonly drain: Exchange<null, wire.Node>;
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
export const treeMaxBytes = 960 * 1_024;
/** Bytes of one part of a profile before it is encoded as base64. */
export const profilePartBytes = 384 * 1_024;
export const profileKeptMs = 60_000;

/** Whether `path` is `top` or below it. Every path is below `/`. */
export function isWithin(path: string, top: string): boolean {
  return top === '/' || path === top || path.startsWith(`${top}/`);
}
