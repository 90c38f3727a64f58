/**
 * Who hears of errors that nobody catches. A listener that a run adds to its process would swallow them for every later run of
 * the thread, which then never ends; one that it takes away may be ours. So they are put back after each run. Those that the
 * modules of handlers add when they are imported are theirs to add.
 */
const events = ['uncaughtException', 'unhandledRejection', 'uncaughtExceptionMonitor'] as const;

type Listener = (...args: unknown[]) => void;

/** Kept from the start: a handler may put others in their place. */
const rawListeners = process.rawListeners.bind(process) as (event: string) => Listener[];
const add = process.on.bind(process) as (event: string, listener: Listener) => unknown;
const removeAll = process.removeAllListeners.bind(process) as (event: string) => unknown;

export class ListenerGuard {
  readonly #kept: readonly { readonly event: string; readonly listeners: readonly Listener[] }[];

  constructor() {
    this.#kept = events.map((event) => ({ event, listeners: rawListeners(event) }));
  }

  /** The first event whose listeners were changed, with all of them put back. */
  restore(): string | undefined {
    let changed: string | undefined;
    for (let at = 0; at < this.#kept.length; at += 1) {
      const kept = this.#kept[at];
      if (kept === undefined || isSame(rawListeners(kept.event), kept.listeners)) continue;
      changed ??= kept.event;
      removeAll(kept.event);
      for (let index = 0; index < kept.listeners.length; index += 1) {
        const listener = kept.listeners[index];
        if (listener !== undefined) add(kept.event, listener);
      }
    }
    return changed;
  }
}

function isSame(now: readonly Listener[], kept: readonly Listener[]): boolean {
  if (now.length !== kept.length) return false;
  for (let at = 0; at < kept.length; at += 1) if (now[at] !== kept[at]) return false;
  return true;
}
