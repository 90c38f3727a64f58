/**
 * Decides which changes in the handler folders cause a reload. Any change of code does. Another file does if it existed
 * when the handlers were loaded and has changed since; nobody can have read a file that came later. While a handler
 * file does not load, new files count as well, because one of them may be what it misses. A file that has caused
 * `reloadsMax` reloads within `restMs` is written by something that runs, perhaps by a handler, and then each of its
 * runs would cause a reload. Such a file causes none until it has rested for `restMs`.
 */
import type { FileChange } from '../../../application/ports/handler-news.ts';
import { type HandlerFiles, isJson } from './handler-files.ts';

const reloadsMax = 3;
export const restMs = 60_000;

export interface Seen {
  /** Nothing has been written for a moment. Otherwise data files may be half written, and only code counts. */
  readonly quiet: boolean;
  /** A handler file does not load. */
  readonly isBroken: boolean;
  readonly nowMs: number;
}

export interface Admitted {
  readonly changes: readonly FileChange[];
  /** Files that cause no reload from now on. */
  readonly heldNow: readonly string[];
  /** Check again after this time, because a file may have rested by then. */
  readonly againInMs: number | undefined;
}

/** A file that causes no reload: its stamp when it was last seen to change, and when that was. */
interface Held {
  readonly stamp: string;
  readonly sinceMs: number;
}

export class HandlerChanges {
  /** When each data file has caused reloads. All new files together have the empty name. */
  readonly #reloads = new Map<string, number[]>();
  readonly #held = new Map<string, Held>();
  #lastSeen: ReadonlyMap<string, string> | undefined;

  /** `old`: the files as they were last loaded, or tried. */
  admit(old: HandlerFiles, now: HandlerFiles, { quiet, isBroken, nowMs }: Seen): Admitted {
    const changes = [...codeChanges(old, now)];
    const heldNow: string[] = [];
    if (quiet) {
      const lastSeen = this.#lastSeen ?? old.data;
      const isNew = [...now.data.keys()].filter((url) => !old.data.has(url) && !lastSeen.has(url));
      if (isBroken && isNew.length > 0 && this.#mayReload('', nowMs))
        changes.push(...isNew.map((url) => ({ file: now.nameOf(url), how: 'new' as const })));
      for (const [url, stamp] of now.data) {
        const before = old.data.get(url);
        if (before === undefined || before === stamp || this.#isHeld(url, stamp, nowMs)) continue;
        if (this.#mayReload(url, nowMs)) {
          changes.push({ file: now.nameOf(url), how: 'changed' });
        } else {
          this.#held.set(url, { stamp, sinceMs: nowMs });
          heldNow.push(now.nameOf(url));
        }
      }
      this.#lastSeen = now.data;
    }
    this.#forget(nowMs, now);
    return { changes, heldNow, againInMs: this.#nextRest(nowMs) };
  }

  #isHeld(url: string, stamp: string, nowMs: number): boolean {
    const held = this.#held.get(url);
    if (held === undefined) return false;
    if (held.stamp !== stamp) this.#held.set(url, { stamp, sinceMs: nowMs });
    else if (nowMs - held.sinceMs >= restMs) this.#held.delete(url);
    return this.#held.has(url);
  }

  #mayReload(key: string, nowMs: number): boolean {
    const recent = (this.#reloads.get(key) ?? []).filter((atMs) => nowMs - atMs < restMs);
    const may = recent.length < reloadsMax;
    if (may) recent.push(nowMs);
    this.#reloads.set(key, recent);
    return may;
  }

  /** Forgets what has rested or is gone, so that there are never more entries than data files. */
  #forget(nowMs: number, { data }: HandlerFiles): void {
    for (const [key, atMs] of this.#reloads) if (nowMs - (atMs.at(-1) ?? 0) >= restMs) this.#reloads.delete(key);
    for (const url of this.#held.keys()) if (!data.has(url)) this.#held.delete(url);
  }

  #nextRest(nowMs: number): number | undefined {
    const ends = [...this.#held.values()].map(({ sinceMs }) => sinceMs + restMs);
    return ends.length === 0 ? undefined : Math.max(1, Math.min(...ends) - nowMs);
  }
}

function codeChanges(old: HandlerFiles, now: HandlerFiles): readonly FileChange[] {
  const changes: FileChange[] = [];
  const [before, after] = [codeOf(old), codeOf(now)];
  for (const [url, source] of after) {
    if (before.get(url) !== source) changes.push({ file: now.nameOf(url), how: before.has(url) ? 'changed' : 'new' });
  }
  for (const url of before.keys()) if (!after.has(url)) changes.push({ file: old.nameOf(url), how: 'gone' });
  return changes;
}

/** JSON counts as data, because handlers write it as well as people. */
function codeOf({ sources }: HandlerFiles): ReadonlyMap<string, string> {
  return new Map([...sources].filter(([url]) => !isJson(url)));
}
