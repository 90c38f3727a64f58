/**
 * Which changes in the handler folders reload: any of the code; of the other files those that were there when the handlers were
 * loaded and are others now (what came later, nobody can have read then). While a handler file does not load, new files
 * count as well: one may be what it misses. A file that has made `reloadsMax` reloads within `restMs` is written by
 * something that runs, a handler perhaps, whose every run would reload: it makes none until it has rested for `restMs`.
 */
import type { FileChange } from '../../../application/ports/handler-news.ts';
import { type HandlerFiles, isJson } from './handler-files.ts';

const reloadsMax = 3;
export const restMs = 60_000;

export interface Seen {
  /** Nothing has been written for a moment; else data files may be half written, and only code counts. */
  readonly quiet: boolean;
  /** A handler file does not load. */
  readonly isBroken: boolean;
  readonly nowMs: number;
}

export interface Admitted {
  readonly changes: readonly FileChange[];
  /** They make no reload from now on. */
  readonly heldNow: readonly string[];
  /** Something may have rested by then: look again. */
  readonly againInMs: number | undefined;
}

/** It makes no reload; how it was when it was seen to change last, and when that was. */
interface Held {
  readonly stamp: string;
  readonly sinceMs: number;
}

export class HandlerChanges {
  /** Of data files, and of all new ones together under no name: when they have made reloads. */
  readonly #reloads = new Map<string, number[]>();
  readonly #held = new Map<string, Held>();
  #lastSeen: ReadonlyMap<string, string> | undefined;

  /** `old`: as they were loaded, or tried, last. */
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

  /** What has rested, or is gone. So there are never more than there are data files. */
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

/** JSON is written by handlers as well as by people: it counts as data. */
function codeOf({ sources }: HandlerFiles): ReadonlyMap<string, string> {
  return new Map([...sources].filter(([url]) => !isJson(url)));
}
