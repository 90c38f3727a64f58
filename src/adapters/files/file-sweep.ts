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
import { entriesOf } from './durable-file.ts';

/** Holds payloads that are being written. */
export const draftsFolder = 'unfinished';

/** A draft that was not touched for this long has no writer any more. */
const draftIdleMs = 3_600_000;
/** How often a writer touches its draft. A handler may compute for days before it writes on. */
export const draftTouchMs = draftIdleMs / 6;
const sweptTogether = 100;
const pauseMs = 100;
const restMs = 60_000;

export interface FileSweepParts {
  readonly folder: string;
  /** Whether it is the folder of this cluster. Nothing is removed from another one. */
  readonly isOurs: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Removes a few files. Resolves with true if there may be more. What cannot be removed keeps nothing else from going. */
export async function sweepStep({ folder, isOurs, clock, log }: FileSweepParts): Promise<boolean> {
  if (!(await isOurs())) return false;
  const removed = await pastFailures(
    async (goesOn) =>
      (await sweepExpired(folder, clock.nowMs(), goesOn)) +
      (await sweepDrafts(join(folder, draftsFolder), clock.wallMs(), goesOn)),
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
      if (await goesOn(() => removeFile(join(path, entry)))) removed += 1;
    }
    // Fails if the folder holds anything, and that is what is wanted.
    if (hour < presentHour) await rmdir(path).catch(() => undefined);
  }
  return removed;
}

async function sweepDrafts(folder: string, wallMs: number, goesOn: GoesOn): Promise<number> {
  let removed = 0;
  for (const draft of await entriesOf(folder)) {
    if (removed >= sweptTogether) break;
    const path = join(folder, draft);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.mtimeMs > wallMs - draftIdleMs) continue;
    if (await goesOn(() => removeFile(path))) removed += 1;
  }
  return removed;
}

/** Resolves with true, also if another process was faster. */
async function removeFile(path: string): Promise<true> {
  await rm(path, { force: true });
  return true;
}

/** Sweeps until the returned function is called. */
export function startFileSweep(parts: FileSweepParts): () => void {
  const { clock, log } = parts;
  return startSweepLoop({
    step: () => sweepStep(parts),
    clock,
    pauseMs,
    restMs,
    failed: (error) => log.warn({ err: error }, 'sweep of expired payloads failed; it is retried'),
  });
}
