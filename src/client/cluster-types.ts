/** Nodes, shards and actors as TypeScript programs see them: states as words, times as Dates, durations in milliseconds. */
import type { ClientJobState } from './job-types.ts';

/** States are `unspecified` where a newer gateway says something that this client does not know. */
export interface NodeInfo {
  /** Its name; survives a restart. */
  readonly id: string;
  /** Grows with each start. */
  readonly incarnation: number;
  /**
   * How it is. Of a `silent` node only id, incarnation, roles, version, slotsTotal, handlers and workerClass are
   * known.
   */
  readonly state: 'live' | 'draining' | 'silent' | 'unspecified';
  /** `gateway`, `shards`, `workers`. */
  readonly roles: readonly string[];
  /** Version of Troupe. */
  readonly version: string;
  /** Absent of a silent node. */
  readonly startedAt?: Date;
  /** Threads for attempts; 0 without the role `workers`. */
  readonly slotsTotal: number;
  /** How many more attempts it would take now, a short look-ahead included; may exceed `slotsTotal`. */
  readonly slotsFree: number;
  /** Attempts in threads, and those that wait for one. */
  readonly runs: number;
  /** What it can run, by name. */
  readonly handlers: readonly { readonly name: string; readonly version: string }[];
  /** How many shards it owns. */
  readonly shards: number;
  /** Share of time that the event loop of the process was busy since it was last asked; 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Memory of the process without its cells, in bytes. */
  readonly rssBytes: number;
  /** Load average of its machine over a minute. */
  readonly machineLoad: number;
  /** Absent of a node that does not work. */
  readonly workerClass?: string;
}

/** A slice of all jobs, and its owner. */
export interface ShardInfo {
  /** From 0. */
  readonly number: number;
  /** Whether it has an owner. `unknown`: no node says that it owns it, but some did not answer. */
  readonly state: 'owned' | 'opening' | 'unowned' | 'unknown' | 'unspecified';
  /** Id of the node that owns it; absent if none does. */
  readonly node?: string;
  /** Number of this ownership; grows with each. */
  readonly epoch: number;
  /** Time since the lease was renewed, in ms. */
  readonly leaseAgeMs?: number;
  /** Jobs it holds in memory, by state. */
  readonly jobs: readonly { readonly state: ClientJobState; readonly jobs: number }[];
  /** Jobs that have not ended. */
  readonly backlog: number;
  /** Decisions that are not durable yet. */
  readonly undurable: number;
  /** Work and events that NATS does not have yet. */
  readonly outbox: number;
  /** Time since its last durable commit, in ms; absent before the first. */
  readonly lastCommitAgeMs?: number;
}

/** An attempt on a node. */
export interface RunInfo {
  /** Id of its job. */
  readonly jobId: string;
  /** Which attempt of the job it is; from 1. */
  readonly attempt: number;
  /** Name of the handler. */
  readonly handler: string;
  /** Process id of its cell; absent while it waits for one. */
  readonly cellPid?: number;
  /** Number of the thread in its cell; absent while it waits for one. */
  readonly thread?: number;
  /** 0..1 */
  readonly progress: number;
  /** What the handler said with its progress. */
  readonly note: string;
  /** The last sign of life of its thread; absent before it has begun. */
  readonly pulseAt?: Date;
  /** When the attempt will be ended by force; absent before it has begun. */
  readonly deadline?: Date;
  /** It runs alone, because a cell died under it. */
  readonly suspect: boolean;
}

/** A process that holds threads. */
export interface CellInfo {
  /** Process id; absent while there is none. */
  readonly pid?: number;
  /** Memory of the process in bytes; absent while it is not known. */
  readonly rssBytes?: number;
  /** Share of the last second that the event loop of the process was busy, without its threads; 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Threads that it may run. */
  readonly threads: number;
  /** Threads in use. */
  readonly busy: number;
  /** Threads that could not be ended. */
  readonly leaked: number;
}

/** One row of the tree of actors. The first row of a node, with the path `/`, is the node itself. */
export interface ActorInfo {
  /** Id of the node. */
  readonly node: string;
  /** Unique in the node. */
  readonly path: string;
  /** What it is: `node`, `supervisor`, `shard`, `puller`, `cell`, `run`, … */
  readonly kind: string;
  /** How it is. `waiting`: between two lives; its messages wait. */
  readonly state:
    'starting' | 'running' | 'stopping' | 'waiting' | 'quarantined' | 'stopped' | 'draining' | 'silent' | 'unspecified';
  /** When its present life began; absent between two lives. */
  readonly startedAt?: Date;
  /** Restarts since the process was started. */
  readonly restarts: number;
  /** Restarts that count against the limit now. */
  readonly restartsInWindow: number;
  /** How many are allowed; absent for what no supervisor restarts. */
  readonly restartLimit?: number;
  /** Messages that wait. */
  readonly mailboxSize: number;
  /** Most messages that may wait. */
  readonly mailboxCapacity: number;
  /** Messages that it has put aside. */
  readonly stashed: number;
  /** Messages handled since the process was started. */
  readonly messages: number;
  /** Messages a second, over the last two to four seconds. */
  readonly messageRate: number;
  /** Time that it has held the thread since the process was started, in ms; what it waited for is not counted. */
  readonly busyMs: number;
  /** Share of the last two to four seconds that it has held the thread; 0 to 1. */
  readonly busyShare: number;
  /** Why its last life failed, at most 500 characters; absent if none has. */
  readonly lastError?: string;
  /** When its last life failed. */
  readonly lastErrorAt?: Date;
  /** What it says of itself, as short words and numbers. */
  readonly facts: Readonly<Record<string, string>>;
  /** Of kind `run`. */
  readonly run?: RunInfo;
  /** Of kind `cell`. */
  readonly cell?: CellInfo;
}

/** Which actors to return; absent: all. */
export interface TreeOptions {
  /** Only this node. */
  readonly node?: string;
  /** Only this actor and those below it. */
  readonly path?: string;
}

/** The actors of the cluster. */
export interface TreeInfo {
  /** By node, parents before their children. */
  readonly actors: readonly ActorInfo[];
  /** Rows that did not fit into the answer of a node. */
  readonly omitted: number;
}

/** A message that nobody handled. What it said is not kept. */
export interface DeadLetterInfo {
  /** Id of the node. */
  readonly node: string;
  /** The actor that it was meant for. */
  readonly path: string;
  /** `mailbox_full`, `stash_full`, `stopped`, `quarantined` or `no_actor`. */
  readonly reason: string;
  /** Kind of the message. */
  readonly message: string;
  /** When it was refused. */
  readonly at: Date;
}

/** Something that happened to an actor. */
export interface ActorEventInfo {
  /** When. */
  readonly at: Date;
  /** Path of the actor. */
  readonly path: string;
  /** `started`, `restarted`, `crashed`, `stopped`, `quarantined` or `abandoned`. */
  readonly type: string;
  /** Which incarnation of the actor, from 1; absent where it does not matter. */
  readonly incarnation?: number;
  /** Why, at most 500 characters; absent if there is no error. */
  readonly error?: string;
}

/** Everything about one actor. */
export interface ActorReportInfo {
  /** The actor. */
  readonly actor: ActorInfo;
  /** The actors directly below it, at most 200. */
  readonly children: readonly ActorInfo[];
  /** Newest first, as are the dead letters. */
  readonly events: readonly ActorEventInfo[];
  /** What it and those below it did not handle, newest first. */
  readonly deadLetters: readonly DeadLetterInfo[];
}

/** The dead letters of all nodes. */
export interface DeadLettersInfo {
  /** Newest first. */
  readonly letters: readonly DeadLetterInfo[];
  /** How many there were since each process was started, by node and reason. */
  readonly counts: readonly { readonly node: string; readonly reason: string; readonly count: number }[];
  /** Ids of nodes that did not answer. */
  readonly silentNodes: readonly string[];
}
