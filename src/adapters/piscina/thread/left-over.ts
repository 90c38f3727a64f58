/**
 * Finds what a run leaves behind: whatever is still alive after its end and will run its code later, such as timers,
 * child processes, files being read and servers. We compare with what was there before the run, which the handler's
 * modules opened when they were imported. Connections may stay, because pools depend on that. What has been unref'd may
 * stay as well, since its author has declared that nobody waits for it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** How long we wait for something that is just closing. The run takes that much longer. */
const settleMaxMs = 10;

const mayStay: ReadonlySet<string> = new Set(['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'UDPWrap', 'TTYWrap']);
const words: ReadonlyMap<string, string> = new Map([
  ['Timeout', 'timer'],
  ['Immediate', 'setImmediate'],
  ['ProcessWrap', 'child process'],
  ['TCPServerWrap', 'server'],
  ['PipeServerWrap', 'server'],
  ['Worker', 'thread'],
]);

/** Kept from the start, because a handler may replace them. */
const activeNow = process.getActiveResourcesInfo.bind(process);
const now = performance.now.bind(performance);

/**
 * Threads that this thread has started, that are alive, and that have not been unref'd. Node does not report them among
 * its active resources, and they may be busy.
 */
const threads = new Set<Worker>();
const unreferenced = new WeakSet<Worker>();
const { ref, unref } = Worker.prototype as unknown as Readonly<Record<'ref' | 'unref', () => void>>;
Worker.prototype.unref = function (this: Worker) {
  unreferenced.add(this);
  threads.delete(this);
  Reflect.apply(unref, this, []);
};
Worker.prototype.ref = function (this: Worker) {
  unreferenced.delete(this);
  if (this.threadId > 0) threads.add(this);
  Reflect.apply(ref, this, []);
};
process.on('worker', (thread) => {
  if (unreferenced.has(thread) || thread.threadId <= 0) return;
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

export class LeftOver {
  /** The largest number of each kind that was there when a run began. */
  readonly #before = new Map<string, number>();

  begin(): void {
    for (const [kind, count] of counted()) {
      if (count > (this.#before.get(kind) ?? 0)) this.#before.set(kind, count);
    }
  }

  /** Describes what is left; undefined when there is nothing. */
  async afterRun(): Promise<string | undefined> {
    const untilMs = now() + settleMaxMs;
    let left = this.#look();
    while (left !== undefined && now() < untilMs) {
      await nextTurn();
      left = this.#look();
    }
    return left;
  }

  #look(): string | undefined {
    const left: string[] = [];
    for (const [kind, count] of counted()) {
      const more = count - (this.#before.get(kind) ?? 0);
      if (more > 0) left.push(`${more} × ${words.get(kind) ?? kind}`);
    }
    return left.length === 0 ? undefined : left.join(', ');
  }
}

function counted(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  if (threads.size > 0) counts.set('Worker', threads.size);
  for (const kind of activeNow()) if (!mayStay.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
