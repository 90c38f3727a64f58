/**
 * Protects the listeners for uncaught errors. A listener that a run adds to the process would swallow the errors of
 * every later run of the thread, which would then never end. A listener that a run removes may be ours. So we restore
 * the listeners after each run. Handler modules may add listeners when they are imported.
 */
const events = ['uncaughtException', 'unhandledRejection', 'uncaughtExceptionMonitor'] as const;

type Listener = (...args: unknown[]) => void;

/** Kept from the start, because a handler may replace them. */
const rawListeners = process.rawListeners.bind(process) as (event: string) => Listener[];
const add = process.on.bind(process) as (event: string, listener: Listener) => unknown;
const removeAll = process.removeAllListeners.bind(process) as (event: string) => unknown;

export class ListenerGuard {
  readonly #kept: readonly { readonly event: string; readonly listeners: readonly Listener[] }[];

  constructor() {
    this.#kept = events.map((event) => ({ event, listeners: rawListeners(event) }));
  }

  /** Restores the listeners of all events. Returns the first event whose listeners were changed. */
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
