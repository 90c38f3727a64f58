/**
 * What a run leaves behind that is still alive when it has ended, and will run its code later: timers, child processes,
 * files being read, servers. Told from what was there before it, which its handler's modules opened when they were
 * imported. Connections may stay: pools live from that. What has been unref'd may stay as well, since whoever wrote it
 * said that nobody waits for it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** What is just closing gets so long; it costs the run as much. */
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

/** Kept from the start: a handler may put others in their place. */
const activeNow = process.getActiveResourcesInfo.bind(process);
const now = performance.now.bind(performance);

/** Threads of this thread that live and have not been unref'd: Node does not tell of them, and they need not be idle. */
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
  /** Most of each kind that was there when a run began. */
  readonly #before = new Map<string, number>();

  begin(): void {
    for (const [kind, count] of counted()) {
      if (count > (this.#before.get(kind) ?? 0)) this.#before.set(kind, count);
    }
  }

  /** In words; undefined when nothing is left. */
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
