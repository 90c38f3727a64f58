/** A question with a deadline. A timeout says nothing about whether the question was acted on: the outcome is unknown. */
import type { Clock } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';
import type { ActorRef } from './actor.ts';

/** How long to wait for a reply. */
export interface AskOptions {
  /** Rejects after this time, in ms. */
  readonly timeoutMs: number;
  /** The clock that the timeout is measured with. */
  readonly clock: Pick<Clock, 'setTimer'>;
}

/**
 * Resolves with the first reply. Rejects with OUTCOME_UNKNOWN past the deadline and with MAILBOX_FULL when the message was
 * refused (then it was surely not acted on). A reply past the deadline is refused: `tell` answers false.
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
    reject(new TroupeError('MAILBOX_FULL', { metadata: { actor: ref.path } }));
  });
}
