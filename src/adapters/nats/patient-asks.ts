/**
 * Asks NATS during a start, where one question that is not answered in time must not end the process: after a restart
 * NATS may have a backlog of its own to read. A question is repeated until it is answered, unless waiting cannot mend
 * the error, or none of the questions has been answered for `silenceMaxMs`.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { mayPass } from './broker-error.ts';

export interface PatientAsksOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly silenceMaxMs: number;
}

/** Many questions may be repeated at once, so the pause is not short. */
const pauseMs = 500;
const logEveryMs = 5_000;

export class PatientAsks {
  readonly #options: PatientAsksOptions;
  #answeredMs = -Infinity;
  #loggedMs = -Infinity;

  constructor(options: PatientAsksOptions) {
    this.#options = options;
  }

  /** `what` names the question in the log. The question may arrive several times. */
  async ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    const { clock, silenceMaxMs } = this.#options;
    const beganMs = clock.monotonicMs();
    for (;;) {
      try {
        const answer = await question();
        this.#answeredMs = clock.monotonicMs();
        return answer;
      } catch (error) {
        const silentMs = clock.monotonicMs() - Math.max(beganMs, this.#answeredMs);
        if (!mayPass(error) || silentMs + pauseMs > silenceMaxMs) throw error;
        this.#tell(what, error, silentMs);
      }
      await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve));
    }
  }

  #tell(what: string, error: unknown, silentMs: number): void {
    const { clock, log, silenceMaxMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#loggedMs < logEveryMs) return;
    this.#loggedMs = nowMs;
    log.warn({ err: error, what, silentMs, silenceMaxMs }, 'the start waits for NATS');
  }
}
