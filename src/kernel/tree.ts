/** The tree view of the actors: plain data, ready for JSON. */
export type ActorState =
  /** `start` or `ready` has not completed yet. */
  | 'starting'
  | 'running'
  | 'stopping'
  /** Between two incarnations; messages wait in the mailbox. */
  | 'waiting'
  /** Down until someone resumes it; messages become dead letters. */
  | 'suspended'
  | 'stopped';

/** How many more failures the supervisor tolerates. */
export interface RestartBudget {
  /** Restarts that currently count against the limit. */
  readonly inWindow: number;
  /** Restarts allowed within the window. */
  readonly limit: number;
}

/** A snapshot of one actor. */
export interface TreeNode {
  /** Unique in the system. */
  readonly path: string;
  /** The `kind` of its definition. */
  readonly kind: string;
  /** Its state at the time of the snapshot. */
  readonly state: ActorState;
  /** Messages that wait in the mailbox; the stash is not included. */
  readonly mailboxSize: number;
  /** The bound of the mailbox. */
  readonly mailboxCapacity: number;
  /** Messages in the stash. */
  readonly stashed: number;
  /** Messages handled by all incarnations together. */
  readonly messagesHandled: number;
  /** Time in ms that the actor has held the thread. Time spent awaiting a promise is not included. */
  readonly busyMs: number;
  /** Age of the current incarnation in ms. Undefined if there is none. */
  readonly upMs: number | undefined;
  /** Restarts since the actor was created. */
  readonly restarts: number;
  /** The restart budget that applies to the actor. Undefined if it is not supervised. */
  readonly budget: RestartBudget | undefined;
  /** The message of the last failure, cut to 500 characters. */
  readonly lastError: string | undefined;
  /** When the last failure happened, in ms of the system's clock. Undefined if there was none. */
  readonly lastErrorAtMs: number | undefined;
  /** What the actor last passed to `describe`. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}
