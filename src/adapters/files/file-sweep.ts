/**
 * Frees the space of payloads that have expired, and of drafts that nobody finished. Reads skip what has expired anyway, so
 * the sweep is never urgent. It removes at most `sweptTogether` files, pauses, and rests when nothing is left. It looks into
 * no folder whose hour has not come. Several processes may sweep the same folder.
 */
import { rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { type GoesOn, pastFailures, startSweepLoop } from '../../application/storage/sweep-loop.ts';
import { entryExpiresAtMs, hourOf, isHour } from '../../application/storage/object-id.ts';
import { placeOfTicket } from '../../application/storage/upload-ticket.ts';
import { entriesOf } from './durable-file.ts';

/** Holds payloads that are being written. */
export const draftsFolder = 'unfinished';

/** A draft that was seen untouched for this long has no writer any more. */
export const draftIdleMs = 3_600_000;
/** How often a writer touches its draft. A handler may compute for days before it writes on. */
export const draftTouchMs = draftIdleMs / 6;
const sweptTogether = 100;
const pauseMs = 100;
const restMs = 60_000;

/**
 * Since when drafts are seen untouched, by the monotonic clock of this process. Their times are only compared with each
 * other: a clock that is set forward would make all drafts old, and their payloads be lost at their end.
 */
export class UntouchedDrafts {
  #seen = new Map<string, { readonly mtimeMs: number; readonly sinceMs: number }>();

  /** Takes all drafts that are there now, by name. Returns those that nobody has touched for `draftIdleMs`. */
  idle(mtimes: ReadonlyMap<string, number>, monotonicMs: number): readonly string[] {
    const seen = [...mtimes].map(([name, mtimeMs]) => {
      const before = this.#seen.get(name);
      return [name, before?.mtimeMs === mtimeMs ? before : { mtimeMs, sinceMs: monotonicMs }] as const;
    });
    this.#seen = new Map(seen);
    return seen.filter(([, { sinceMs }]) => monotonicMs - sinceMs >= draftIdleMs).map(([name]) => name);
  }
}

export interface FileSweepParts {
  readonly folder: string;
  readonly untouched: UntouchedDrafts;
  /** Whether it is the folder of this cluster. Nothing is removed from another one. */
  readonly isOurs: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Removes a few files. Resolves with true if there may be more. What cannot be removed keeps nothing else from going. */
export async function sweepStep(parts: FileSweepParts): Promise<boolean> {
  const { folder, isOurs, clock, log } = parts;
  if (!(await isOurs())) return false;
  const removed = await pastFailures(
    async (goesOn) => (await sweepExpired(folder, clock.nowMs(), goesOn)) + (await sweepDrafts(parts, goesOn)),
    (err, failures) => log.warn({ err, failures }, 'not all expired payloads can be removed; it is tried again'),
  );
  return removed >= sweptTogether;
}

async function sweepExpired(folder: string, nowMs: number, goesOn: GoesOn): Promise<number> {
  const presentHour = hourOf(nowMs);
  const hours = (await entriesOf(folder)).filter((name) => isHour(name) && name <= presentHour).toSorted();
  let removed = 0;
  for (const hour of hours) {
    const path = join(folder, hour);
    for (const entry of (await goesOn(() => entriesOf(path))) ?? []) {
      if (removed >= sweptTogether) return removed;
      const expiresAtMs = entryExpiresAtMs(entry);
      if (expiresAtMs === undefined || expiresAtMs > nowMs) continue;
      // The folder may have been copied from a bucket, with tickets of uploads.
      const upload = placeOfTicket(entry);
      const isSwept = await goesOn(async () => {
        if (upload !== undefined) await removeFile(join(folder, upload.hour, upload.entry));
        return removeFile(join(path, entry));
      });
      if (isSwept === true) removed += 1;
    }
    // Fails if the folder holds anything, and that is what is wanted.
    if (hour < presentHour) await rmdir(path).catch(() => undefined);
  }
  return removed;
}

async function sweepDrafts({ folder, untouched, clock }: FileSweepParts, goesOn: GoesOn): Promise<number> {
  const drafts = join(folder, draftsFolder);
  const mtimes = new Map<string, number>();
  for (const name of await entriesOf(drafts)) {
    const found = await stat(join(drafts, name)).catch(() => undefined);
    if (found !== undefined) mtimes.set(name, found.mtimeMs);
  }
  let removed = 0;
  for (const name of untouched.idle(mtimes, clock.monotonicMs())) {
    if (removed >= sweptTogether) break;
    if (await goesOn(() => removeFile(join(drafts, name)))) removed += 1;
  }
  return removed;
}

/** Resolves with true, also if another process was faster. */
async function removeFile(path: string): Promise<true> {
  await rm(path, { force: true });
  return true;
}

/** Sweeps until the returned function is called. */
export function startFileSweep(options: Omit<FileSweepParts, 'untouched'>): () => void {
  const { clock, log } = options;
  const parts = { ...options, untouched: new UntouchedDrafts() };
  return startSweepLoop({
    step: () => sweepStep(parts),
    clock,
    pauseMs,
    restMs,
    failed: (error) => log.warn({ err: error }, 'sweep of expired payloads failed; it is retried'),
  });
}
