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

export interface TreeNode {
  readonly path: string;
  readonly kind: string;
  readonly state: ActorState;
  readonly mailboxSize: number;
  readonly mailboxCapacity: number;
  readonly stashed: number;
  readonly messagesHandled: number;
  readonly restarts: number;
  readonly lastError: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}
