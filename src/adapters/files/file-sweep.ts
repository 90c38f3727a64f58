/**
 * Frees the space of payloads that have expired, and of drafts that nobody finished. Reads skip what has expired anyway, so
 * the sweep is never urgent. It removes at most `sweptTogether` files, pauses, and rests when nothing is left. It looks into
 * no folder whose hour has not come. Several processes may sweep the same folder.
 */
import { rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { startSweepLoop } from '../../application/storage/sweep-loop.ts';
import { entryExpiresAtMs, hourOf, isHour } from '../../application/storage/object-id.ts';
import { entriesOf } from './durable-file.ts';

/** Holds payloads that are being written. */
export const draftsFolder = 'unfinished';

/** A draft to which nothing was added for this long has no writer any more: a gateway waits 30 s for the next message. */
const draftIdleMs = 3_600_000;
const sweptTogether = 100;
const pauseMs = 100;
const restMs = 60_000;

export interface FileSweepParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Removes a few files. Resolves with true if there may be more. */
export async function sweepStep({ folder, clock }: Pick<FileSweepParts, 'folder' | 'clock'>): Promise<boolean> {
  const expired = await sweepExpired(folder, clock.nowMs(), sweptTogether);
  const drafts = await sweepDrafts(join(folder, draftsFolder), clock.wallMs(), sweptTogether);
  return expired + drafts >= sweptTogether;
}

async function sweepExpired(folder: string, nowMs: number, most: number): Promise<number> {
  const presentHour = hourOf(nowMs);
  const hours = (await entriesOf(folder)).filter((name) => isHour(name) && name <= presentHour).toSorted();
  let removed = 0;
  for (const hour of hours) {
    const path = join(folder, hour);
    for (const entry of await entriesOf(path)) {
      if (removed >= most) return removed;
      const expiresAtMs = entryExpiresAtMs(entry);
      if (expiresAtMs === undefined || expiresAtMs > nowMs) continue;
      await rm(join(path, entry), { force: true });
      removed += 1;
    }
    // Fails if the folder holds anything, and that is what is wanted.
    if (hour < presentHour) await rmdir(path).catch(() => undefined);
  }
  return removed;
}

async function sweepDrafts(folder: string, wallMs: number, most: number): Promise<number> {
  let removed = 0;
  for (const draft of await entriesOf(folder)) {
    if (removed >= most) break;
    const path = join(folder, draft);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.mtimeMs > wallMs - draftIdleMs) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}

/** Sweeps until the returned function is called. */
export function startFileSweep({ folder, clock, log }: FileSweepParts): () => void {
  return startSweepLoop({
    step: () => sweepStep({ folder, clock }),
    clock,
    pauseMs,
    restMs,
    failed: (error) => log.warn({ err: error }, 'sweep of expired payloads failed; it is retried'),
  });
}
