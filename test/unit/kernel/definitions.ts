/** Short forms for actors in tests. */
import type { ActorContext, ActorDefinition, Behavior } from '../../../src/kernel/index.ts';

export function actor<M>(
  start: (context: ActorContext<M>) => Behavior<M> | Promise<Behavior<M>>,
  more: { readonly mailboxCapacity?: number; readonly shutdownMs?: number; readonly kind?: string } = {},
): ActorDefinition<M> {
  return { kind: 'test', mailboxCapacity: 64, start, ...more };
}

export function collector<M>(into: M[]): ActorDefinition<M> {
  return actor((): Behavior<M> => ({ receive: (message) => void into.push(message) }));
}

/** A promise and its ends. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    opened: promise,
    open: () => {
      resolve(undefined);
    },
  };
}
