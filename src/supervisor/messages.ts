/**
 * The requests that a supervisor accepts. If a request has a `reply`, it is always answered, so it can be sent with
 * `ask`.
 */
import type { ActorRef } from '../kernel/index.ts';
import type { TroupeError } from '../domain/errors.ts';
import type { ChildSpec } from './spec.ts';

/**
 * The outcome of a request. The error is INVALID_ARGUMENT if no such child exists or the request does not fit its
 * state.
 */
export type OrderReply = { readonly ok: true } | { readonly ok: false; readonly error: TroupeError };

/**
 * The outcome of `startChild`. The error is INVALID_ARGUMENT for a wrong spec or a name that is taken, and BACKLOG_FULL
 * if the supervisor has `maxChildren` children. `existing` is the child that has the name, unless it is stopping.
 */
export type StartChildReply =
  | { readonly ok: true; readonly ref: ActorRef<never> }
  | { readonly ok: false; readonly error: TroupeError; readonly existing?: ActorRef<never> };

/** A child as its supervisor sees it. */
export interface ChildStatus {
  /** Unique among its siblings. */
  readonly name: string;
  /** Where to send messages to the child. Stays valid when it restarts. */
  readonly ref: ActorRef<never>;
  /** What the child is doing. */
  readonly state:
    | 'starting'
    | 'up'
    | 'ending'
    /** Down, and to be started: it waits for its backoff or for a sibling. */
    | 'waiting'
    /** Transient, and completed. */
    | 'retired'
    /** Suspended until `resume`. */
    | 'suspended';
  /** Restarts after its own failures, within the window before the last one. */
  readonly recentRestarts: number;
}

/** A request to a supervisor. */
export type SupervisorMessage =
  /**
   * Adds a child after the existing ones. The reply does not wait until the child is up: messages wait in its mailbox.
   */
  | { readonly kind: 'startChild'; readonly spec: ChildSpec; readonly reply?: ActorRef<StartChildReply> }
  /** Ends a child and forgets its spec. The reply comes when the child is gone. */
  | { readonly kind: 'stopChild'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  /**
   * Gives a child a new incarnation, also if it is in its backoff, retired or suspended. This does not count as a
   * failure, and siblings are unaffected. A temporary child cannot be restarted.
   */
  | { readonly kind: 'restartChild'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  /** Resumes a suspended child, with a fresh restart budget. */
  | { readonly kind: 'resume'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  /** Reports all children, in the order of starting. */
  | { readonly kind: 'listChildren'; readonly reply: ActorRef<readonly ChildStatus[]> };
