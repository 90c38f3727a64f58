/**
 * Request and reply with a deadline.
 * A timeout does not say whether the actor acted on the request, so its outcome is unknown.
 */
import type { Clock } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';
import type { ActorRef } from './actor.ts';

/** How long to wait for a reply, and by which clock. */
export interface AskOptions {
  /** Time until the promise rejects, in ms. */
  readonly timeoutMs: number;
  /** The clock that measures the timeout. */
  readonly clock: Pick<Clock, 'setTimer'>;
}

/**
 * Sends a request and resolves with the first reply.
 *
 * Rejects with OUTCOME_UNKNOWN after the timeout, and with OVERLOADED at once if `ref` refuses the message, in which
 * case the actor has certainly not acted on it. A reply that arrives late is refused: its `tell` returns false.
 */
export function ask<M, R>(ref: ActorRef<M>, toMessage: (reply: ActorRef<R>) => M, options: AskOptions): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    let open = true;
    const cancelTimer = options.clock.setTimer(options.timeoutMs, () => {
      open = false;
      const metadata = { actor: ref.path, timeoutMs: String(options.timeoutMs) };
      reject(new TroupeError('OUTCOME_UNKNOWN', { message: 'the actor did not answer in time', metadata }));
    });
    const reply: ActorRef<R> = {
      path: `${ref.path}?reply`,
      tell(answer) {
        if (!open) return false;
        open = false;
        cancelTimer();
        resolve(answer);
        return true;
      },
    };
    if (ref.tell(toMessage(reply))) return;
    open = false;
    cancelTimer();
    reject(new TroupeError('OVERLOADED', { metadata: { actor: ref.path } }));
  });
}
