/** What a supervisor can be asked. Every order is answered, if a `reply` is given: `ask` fits. */
import type { ActorRef } from '../kernel/index.ts';
import type { TroupeError } from '../domain/errors.ts';
import type { ChildSpec } from './spec.ts';

export type OrderReply = { readonly ok: true } | { readonly ok: false; readonly error: TroupeError };

export type StartChildReply =
  { readonly ok: true; readonly ref: ActorRef<never> } | { readonly ok: false; readonly error: TroupeError };

/** A child as its supervisor sees it. */
export interface ChildStatus {
  /** Its name among its siblings. */
  readonly name: string;
  /** Where messages to it go. */
  readonly ref: ActorRef<never>;
  /** How it is. */
  readonly state:
    | 'starting'
    | 'up'
    | 'ending'
    /** Down, to be started: in its backoff, or behind a sibling. */
    | 'waiting'
    /** Transient, and has done its work. */
    | 'retired'
    | 'quarantined';
  /** Within the window. */
  readonly recentRestarts: number;
}

export type SupervisorMessage =
  /** Adds a child after the others. The reply comes at once: messages wait in the child's mailbox until it is up. */
  | { readonly kind: 'startChild'; readonly spec: ChildSpec; readonly reply?: ActorRef<StartChildReply> }
  /** Ends a child and forgets its spec. The reply comes when it is gone. */
  | { readonly kind: 'stopChild'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  /** A new life (also for one in its backoff, retired or quarantined), not counted as a failure. Siblings are left alone. */
  | { readonly kind: 'restartChild'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  /** Lifts a quarantine, with a fresh budget. */
  | { readonly kind: 'resume'; readonly name: string; readonly reply?: ActorRef<OrderReply> }
  | { readonly kind: 'listChildren'; readonly reply: ActorRef<readonly ChildStatus[]> };
