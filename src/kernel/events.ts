/** What the system tells about itself: lives and deaths of actors. Listeners are observers and can disturb nobody. */
import type { Logger } from '../application/ports/runtime.ts';
import type { DeadLetterReason, StopReason } from './actor.ts';

export type SystemEvent =
  /** A life is up; `life` counts from 1. */
  | { readonly type: 'started' | 'restarted'; readonly path: string; readonly kind: string; readonly life: number }
  | {
      readonly type: 'crashed';
      readonly path: string;
      readonly kind: string;
      readonly life: number;
      readonly error: unknown;
    }
  /** It takes no more messages. A quarantined actor may be resumed. */
  | {
      readonly type: 'stopped' | 'quarantined';
      readonly path: string;
      readonly kind: string;
      readonly reason: StopReason;
    }
  /** Its ending took longer than allowed; what still runs of it is cut off. */
  | { readonly type: 'abandoned'; readonly path: string; readonly kind: string }
  | {
      readonly type: 'dead_letter';
      readonly path: string;
      readonly reason: DeadLetterReason;
      readonly message: unknown;
    };

export type SystemListener = (event: SystemEvent) => void;

export interface EventBus {
  publish(event: SystemEvent): void;
  /** Lets hot paths skip building an event that nobody hears. */
  readonly hasListeners: boolean;
  /** The returned function ends the subscription. */
  subscribe(listener: SystemListener): () => void;
}

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
