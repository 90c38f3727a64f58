/**
 * Notifications about the life cycle of actors. Listeners only observe: an exception in one is logged and affects
 * nobody else.
 */
import type { Logger } from '../application/ports/runtime.ts';
import type { DeadLetterReason, StopReason } from './actor.ts';

/** What happened to an actor or a message. */
export type SystemEvent =
  /** An incarnation is up. Incarnations are counted from 1. */
  | {
      readonly type: 'started' | 'restarted';
      readonly path: string;
      readonly kind: string;
      readonly incarnation: number;
    }
  | {
      readonly type: 'crashed';
      readonly path: string;
      readonly kind: string;
      readonly incarnation: number;
      readonly error: unknown;
    }
  /** The actor takes no more messages. A suspended actor can be resumed. */
  | {
      readonly type: 'stopped' | 'suspended';
      readonly path: string;
      readonly kind: string;
      readonly reason: StopReason;
    }
  /** Stopping took longer than allowed. Code of the actor that still runs can no longer reach the system. */
  | { readonly type: 'abandoned'; readonly path: string; readonly kind: string }
  | {
      readonly type: 'dead_letter';
      readonly path: string;
      readonly reason: DeadLetterReason;
      readonly message: unknown;
    };

/** Receives events synchronously, so it must be quick. */
export type SystemListener = (event: SystemEvent) => void;

/** Delivers events to the listeners of a system. */
export interface EventBus {
  /** Calls all listeners. Never throws. */
  publish(event: SystemEvent): void;
  /** Lets hot paths avoid building an event when nobody listens. */
  readonly hasListeners: boolean;
  /** Returns a function that ends the subscription. */
  subscribe(listener: SystemListener): () => void;
}

/** Creates a bus that logs exceptions of its listeners to `log`. */
export function createEventBus(log: Logger): EventBus {
  const listeners = new Set<SystemListener>();
  return {
    get hasListeners() {
      return listeners.size > 0;
    },
    publish(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log.error({ err: error, event: event.type }, 'listener of actor events failed');
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
