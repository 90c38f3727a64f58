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
  readonly inWindow: number;
  readonly limit: number;
}

export interface TreeNode {
  readonly path: string;
  readonly kind: string;
  readonly state: ActorState;
  readonly mailboxSize: number;
  readonly mailboxCapacity: number;
  readonly stashed: number;
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
  readonly lastErrorAtMs: number | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}
