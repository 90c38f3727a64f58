/** What the tree view shows of one actor: plain data, ready for JSON. */
export type ActorState =
  /** Not up yet: `start` or `ready` is under way. */
  | 'starting'
  | 'running'
  | 'stopping'
  /** Between two lives; messages wait. */
  | 'waiting'
  /** Between two lives for good, until someone resumes it; messages are dead letters. */
  | 'quarantined'
  | 'stopped';

/** How many more failures the supervisor puts up with. */
export interface RestartBudget {
  /** Restarts that count against the limit now. */
  readonly inWindow: number;
  /** Restarts allowed within the window. */
  readonly limit: number;
}

/** One actor as a reader of the tree sees it. */
export interface TreeNode {
  /** Unique in the system. */
  readonly path: string;
  /** The `kind` of its definition. */
  readonly kind: string;
  /** How it is. */
  readonly state: ActorState;
  /** Messages that wait. */
  readonly mailboxSize: number;
  /** Most messages that may wait. */
  readonly mailboxCapacity: number;
  /** Messages that it has put aside. */
  readonly stashed: number;
  /** Messages handled by all of its lives. */
  readonly messagesHandled: number;
  /** Time it has held the thread; what it awaits is not counted. */
  readonly busyMs: number;
  /** Of the present life; undefined between two. */
  readonly upMs: number | undefined;
  /** Since the actor was made. */
  readonly restarts: number;
  /** Of a child of a supervisor. */
  readonly budget: RestartBudget | undefined;
  /** At most 500 characters. */
  readonly lastError: string | undefined;
  /** When its last life failed, in ms of the clock of the system; absent if none has. */
  readonly lastErrorAtMs: number | undefined;
  /** What it says of itself, as short words and numbers. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}
