/**
 * Records a CPU profile of one thread while one run executes in it. The recording ends when its time is over, when the
 * run ends (before the thread gets another one), or before the thread is terminated. There is one at a time, and every
 * wait is bounded.
 */
import { profileMaxBytes } from '../../../application/ports/run-pool.ts';
import { cutAt } from '../../../domain/clipped-text.ts';
import type { ProfileEvent } from '../protocol/cell-frames.ts';
import type { CellThread } from './cell-thread.ts';
import { ThreadInspector } from './thread-inspector.ts';

const partMaxChars = 256 * 1_024;
/** A thread in native code starts to record when it returns to JavaScript. */
const startMaxMs = 5_000;
/** Well below the time that an ended thread has to exit. */
const stopMaxMs = 500;

export class ThreadProfiler {
  readonly #emit: (event: ProfileEvent) => void;

  constructor(emit: (event: ProfileEvent) => void) {
    this.#emit = emit;
  }

  /** The caller ensures that the thread executes this run. */
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

  /** Sends one part per turn of the event loop, so that frames of runs can go between them. */
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

/** Undefined when the thread ended or did not answer. */
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
  // The profiler does not know a loop that was optimised while it ran, and would blame its caller. Counting calls makes
  // V8 drop optimised code. V8 optimises it again a moment later, and then the profiler sees it.
  await inspector.ask('Profiler.startPreciseCoverage', startMaxMs, { callCount: true, detailed: false });
  await inspector.ask('Profiler.stopPreciseCoverage', startMaxMs);
}

async function within(maxMs: number, promise: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => over.resolve(undefined), maxMs);
  await Promise.race([promise, over.promise]);
  clearTimeout(timer);
}
