/**
 * A CPU profile of one thread while one run runs in it. Ends when its time is over, when the run ends (before the thread
 * gets another), and before the thread is terminated. One at a time; every wait is bounded.
 */
import { profileMaxBytes } from '../../../application/ports/run-pool.ts';
import { cutAt } from '../../../domain/clipped-text.ts';
import type { ProfileEvent } from '../protocol/cell-frames.ts';
import type { CellThread } from './cell-thread.ts';
import { ThreadInspector } from './thread-inspector.ts';

const partMaxChars = 256 * 1_024;
/** A thread in native code begins when it comes back. */
const startMaxMs = 5_000;
/** Well below what a thread that is ended has for its exit. */
const stopMaxMs = 500;

export class ThreadProfiler {
  readonly #emit: (event: ProfileEvent) => void;

  constructor(emit: (event: ProfileEvent) => void) {
    this.#emit = emit;
  }

  /** The caller sees to it that the thread runs this run. */
  async profile(runId: string, thread: CellThread, durationMs: number): Promise<void> {
    const over = Promise.withResolvers<undefined>();
    const finished = Promise.withResolvers<undefined>();
    thread.profile = {
      finish() {
        over.resolve(undefined);
        return finished.promise;
      },
    };
    const inspector = new ThreadInspector(thread.id);
    const ended = Promise.race([over.promise, thread.exited]);
    void thread.exited.then(() => inspector.close());
    const text = await record(inspector, durationMs, ended);
    inspector.close();
    thread.profile = undefined;
    finished.resolve(undefined);
    if (text === undefined) this.#emit({ kind: 'profile-failed', runId, why: 'not-running' });
    else if (Buffer.byteLength(text) > profileMaxBytes) this.#emit({ kind: 'profile-failed', runId, why: 'too-large' });
    else await this.#send(runId, text);
  }

  /** A part per turn of the event loop: frames of runs go between them. */
  async #send(runId: string, text: string): Promise<void> {
    let from = 0;
    while (from < text.length) {
      const end = cutAt(text, from + partMaxChars);
      this.#emit({ kind: 'profile-part', runId, text: text.slice(from, end), last: end >= text.length });
      from = end;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Undefined when the thread ended, or did not answer. */
async function record(
  inspector: ThreadInspector,
  durationMs: number,
  ended: Promise<unknown>,
): Promise<string | undefined> {
  await Promise.race([begin(inspector), ended.then(() => inspector.ask('Profiler.enable', stopMaxMs))]);
  await within(durationMs, ended);
  const answer = await inspector.ask('Profiler.stop', stopMaxMs);
  return typeof answer === 'object' && answer !== null && 'profile' in answer
    ? JSON.stringify(answer.profile)
    : undefined;
}

async function begin(inspector: ThreadInspector): Promise<void> {
  await inspector.ask('Profiler.enable', startMaxMs);
  await inspector.ask('Profiler.start', startMaxMs);
  // A loop that was optimised while it ran is unknown to the profiler, which would blame its caller. Counting calls makes
  // V8 drop optimised code; it is optimised again, and seen, a moment later.
  await inspector.ask('Profiler.startPreciseCoverage', startMaxMs, { callCount: true, detailed: false });
  await inspector.ask('Profiler.stopPreciseCoverage', startMaxMs);
}

async function within(maxMs: number, promise: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => over.resolve(undefined), maxMs);
  await Promise.race([promise, over.promise]);
  clearTimeout(timer);
}
