/** Nodes, shards and actors as TypeScript programs see them: states as words, times as Dates, durations in milliseconds. */
import type { ClientJobState } from './job-types.ts';

/** States are `unspecified` where a newer gateway says something that this client does not know. */
export interface NodeInfo {
  readonly id: string;
  readonly incarnation: number;
  readonly state: 'live' | 'draining' | 'silent' | 'unspecified';
  readonly roles: readonly string[];
  readonly version: string;
  /** Absent of a silent node. */
  readonly startedAt?: Date;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly runs: number;
  readonly handlers: readonly { readonly name: string; readonly version: string }[];
  readonly shards: number;
  readonly eventLoopUtilization: number;
  readonly rssBytes: number;
  readonly machineLoad: number;
  /** Absent of a node that does not work. */
  readonly workerClass?: string;
}

export interface ShardInfo {
  readonly number: number;
  readonly state: 'owned' | 'opening' | 'unowned' | 'unknown' | 'unspecified';
  readonly node?: string;
  readonly epoch: number;
  readonly leaseAgeMs?: number;
  readonly jobs: readonly { readonly state: ClientJobState; readonly jobs: number }[];
  readonly backlog: number;
  readonly undurable: number;
  readonly outbox: number;
  readonly lastCommitAgeMs?: number;
}

export interface RunInfo {
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly cellPid?: number;
  readonly thread?: number;
  /** 0..1 */
  readonly progress: number;
  readonly note: string;
  readonly pulseAt?: Date;
  readonly deadline?: Date;
  readonly suspect: boolean;
}

export interface CellInfo {
  readonly pid?: number;
  readonly rssBytes: number;
  readonly eventLoopUtilization: number;
  readonly threads: number;
  readonly busy: number;
  readonly leaked: number;
}

export interface ActorInfo {
  readonly node: string;
  readonly path: string;
  readonly kind: string;
  readonly state:
    'starting' | 'running' | 'stopping' | 'waiting' | 'quarantined' | 'stopped' | 'draining' | 'silent' | 'unspecified';
  readonly startedAt?: Date;
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
  readonly lastErrorAt?: Date;
  readonly facts: Readonly<Record<string, string>>;
  readonly run?: RunInfo;
  readonly cell?: CellInfo;
}

export interface TreeOptions {
  /** Only this node. */
  readonly node?: string;
  /** Only this actor and those below it. */
  readonly path?: string;
}

export interface TreeInfo {
  readonly actors: readonly ActorInfo[];
  /** Rows that did not fit into the answer of a node. */
  readonly omitted: number;
}

export interface DeadLetterInfo {
  readonly node: string;
  readonly path: string;
  readonly reason: string;
  readonly message: string;
  readonly at: Date;
}

export interface ActorEventInfo {
  readonly at: Date;
  readonly path: string;
  readonly type: string;
  readonly life: number;
  readonly error?: string;
}

export interface ActorReportInfo {
  readonly actor: ActorInfo;
  readonly children: readonly ActorInfo[];
  /** Newest first, as are the dead letters. */
  readonly events: readonly ActorEventInfo[];
  readonly deadLetters: readonly DeadLetterInfo[];
}

export interface DeadLettersInfo {
  /** Newest first. */
  readonly letters: readonly DeadLetterInfo[];
  readonly counts: readonly { readonly node: string; readonly reason: string; readonly count: number }[];
  readonly silentNodes: readonly string[];
}
