/** Nodes, shards and actors as TypeScript programs see them: enums are words, times are Dates, durations are in ms. */
import type { ClientJobState } from './job-types.ts';

/**
 * A node. The state of a node, shard or actor is `unspecified` if a newer gateway sent one that this client does not
 * know.
 */
export interface NodeInfo {
  /** Id of the node. It survives a restart. */
  readonly id: string;
  /** Number of this start of the node. It grows with each start. */
  readonly incarnation: number;
  /**
   * State of the node. For a `silent` node only id, incarnation, roles, version, slotsTotal, handlers and workerClass
   * are known.
   */
  readonly state: 'live' | 'draining' | 'silent' | 'unspecified';
  /** Its roles: `gateway`, `shards`, `workers`. */
  readonly roles: readonly string[];
  /** Version of Troupe. */
  readonly version: string;
  /** When the process started. Absent for a silent node. */
  readonly startedAt?: Date;
  /** Slots: threads for attempts. 0 without the role `workers`. */
  readonly slotsTotal: number;
  /** How many more attempts it would accept now. This includes a short look-ahead, so it may exceed `slotsTotal`. */
  readonly slotsFree: number;
  /** Attempts that run in threads or wait for one. */
  readonly runs: number;
  /** Its handlers by name and version. */
  readonly handlers: readonly { readonly name: string; readonly version: string }[];
  /** Number of shards it owns. */
  readonly shards: number;
  /** Utilization of the process's event loop since the last measurement, 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Resident memory of the process in bytes, without its cells. */
  readonly rssBytes: number;
  /** One-minute load average of its machine. */
  readonly machineLoad: number;
  /** Its worker class. Absent for a node without the role `workers`. */
  readonly workerClass?: string;
}

/** A slice of all jobs, and its owner. */
export interface ShardInfo {
  /** Number of the shard, from 0. */
  readonly number: number;
  /** Whether it has an owner. `unknown` means that no node claims it, but some nodes did not answer. */
  readonly state: 'owned' | 'opening' | 'unowned' | 'unknown' | 'unspecified';
  /** Id of the owning node. Absent if there is none. */
  readonly node?: string;
  /** Epoch: the number of this ownership. It grows with each owner. */
  readonly epoch: number;
  /** Time since the lease was renewed, in ms. Absent if it is not known. */
  readonly leaseAgeMs?: number;
  /** Jobs in its memory, by state. States without jobs are left out. */
  readonly jobs: readonly { readonly state: ClientJobState; readonly jobs: number }[];
  /** Unfinished jobs. */
  readonly backlog: number;
  /** Decisions that are not durable yet. */
  readonly undurable: number;
  /** Work messages and events that are not yet in NATS. */
  readonly outbox: number;
  /** Time since its last durable commit, in ms. Absent before the first. */
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
  /** Process id of its cell. Absent while it waits for one. */
  readonly cellPid?: number;
  /** Number of the thread in its cell. Absent while it waits for one. */
  readonly thread?: number;
  /** Progress, 0 to 1. */
  readonly progress: number;
  /** The note that the handler sent with its progress. */
  readonly note: string;
  /** The last sign of life of its thread. Absent before the attempt has begun. */
  readonly pulseAt?: Date;
  /** When the attempt is terminated at the latest. Absent before it has begun. */
  readonly deadline?: Date;
  /** True if it runs isolated, because a cell died while it ran there. */
  readonly suspect: boolean;
}

/** A process that holds threads. */
export interface CellInfo {
  /** Process id. Absent while the cell is not running. */
  readonly pid?: number;
  /** Resident memory of the process in bytes. Absent while it is not known. */
  readonly rssBytes?: number;
  /** Utilization of the process's event loop in the last second, without its threads, 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Number of threads it may run. */
  readonly threads: number;
  /** Threads in use. */
  readonly busy: number;
  /** Leaked threads: they were asked to end and did not, because they are in native code. */
  readonly leaked: number;
}

/** A row of the actor tree. The first row of a node, with the path `/`, stands for the node itself. */
export interface ActorInfo {
  /** Id of the node. */
  readonly node: string;
  /** Path of the actor, unique in the node. */
  readonly path: string;
  /** Kind of the actor: `node`, `supervisor`, `shard`, `puller`, `cell`, `run`, … */
  readonly kind: string;
  /**
   * State. `waiting`: the actor is between two incarnations and its messages wait. `suspended`: it failed too often,
   * and its supervisor does not restart it. `quarantined`: its queue is in quarantine.
   */
  readonly state:
    | 'starting'
    | 'running'
    | 'stopping'
    | 'waiting'
    | 'suspended'
    | 'quarantined'
    | 'stopped'
    | 'draining'
    | 'silent'
    | 'unspecified';
  /** When its present incarnation started. Absent between two incarnations. */
  readonly startedAt?: Date;
  /** Restarts since the process started. */
  readonly restarts: number;
  /** Restarts that count against the limit now. */
  readonly restartsInWindow: number;
  /** The limit of restarts. Absent for a row that no supervisor restarts. */
  readonly restartLimit?: number;
  /** Messages in its mailbox. */
  readonly mailboxSize: number;
  /** Capacity of its mailbox. */
  readonly mailboxCapacity: number;
  /** Messages in its stash. */
  readonly stashed: number;
  /** Messages handled since the process started. */
  readonly messages: number;
  /** Messages per second over the last two to four seconds. */
  readonly messageRate: number;
  /** Time it has occupied the event loop since the process started, in ms. Time spent waiting is not included. */
  readonly busyMs: number;
  /** Share of the last two to four seconds in which it occupied the event loop, 0 to 1. */
  readonly busyShare: number;
  /** The error that ended its last failed incarnation, at most 500 characters. Absent if none failed. */
  readonly lastError?: string;
  /** When its last failed incarnation ended. */
  readonly lastErrorAt?: Date;
  /** Facts that the actor reports about itself, as short words and numbers. */
  readonly facts: Readonly<Record<string, string>>;
  /** Details of a row of kind `run`. */
  readonly run?: RunInfo;
  /** Details of a row of kind `cell`. */
  readonly cell?: CellInfo;
}

/** Which actors to return. Default: all. */
export interface TreeOptions {
  /** Only actors of this node. */
  readonly node?: string;
  /** Only this actor and its descendants. */
  readonly path?: string;
}

/** The actors of the cluster. */
export interface TreeInfo {
  /** Sorted by node. Parents come before their children. */
  readonly actors: readonly ActorInfo[];
  /** Number of rows that did not fit into the answers of nodes. */
  readonly omitted: number;
}

/** A message that no actor handled. Its content is not kept. */
export interface DeadLetterInfo {
  /** Id of the node. */
  readonly node: string;
  /** Path of the receiver. */
  readonly path: string;
  /** The reason: `mailbox_full`, `stash_full`, `stopped`, `suspended` or `no_actor`. */
  readonly reason: string;
  /** Kind of the message. */
  readonly message: string;
  /** When it was refused. */
  readonly at: Date;
}

/** An event in the life of an actor. */
export interface ActorEventInfo {
  /** When it happened. */
  readonly at: Date;
  /** Path of the actor. */
  readonly path: string;
  /** Type: `started`, `restarted`, `crashed`, `stopped`, `suspended` or `abandoned`. */
  readonly type: string;
  /** Incarnation of the actor, from 1. Absent where it does not matter. */
  readonly incarnation?: number;
  /** The error, at most 500 characters. Absent if there is none. */
  readonly error?: string;
}

/** Everything about one actor. */
export interface ActorReportInfo {
  /** The actor. */
  readonly actor: ActorInfo;
  /** Its children, at most 200. */
  readonly children: readonly ActorInfo[];
  /** Events of the actor, newest first. */
  readonly events: readonly ActorEventInfo[];
  /** Dead letters of the actor and its descendants, newest first. */
  readonly deadLetters: readonly DeadLetterInfo[];
}

/** The dead letters of all nodes. */
export interface DeadLettersInfo {
  /** Newest first. */
  readonly letters: readonly DeadLetterInfo[];
  /** Counts since each process started, by node and reason. */
  readonly counts: readonly { readonly node: string; readonly reason: string; readonly count: number }[];
  /** Ids of nodes that did not answer. */
  readonly silentNodes: readonly string[];
}
