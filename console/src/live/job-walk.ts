/**
 * The walk through the jobs of a queue, newest first. There is no index: a page looks at a bounded number of minutes, and may
 * be empty with more to come. So the walk goes on by itself for some pages, says how far back it has looked, and can be
 * stopped.
 *
 * It asks for one stretch of time after the other, each twice as long: when one is done, its begin is known to be reached,
 * even if nothing was there. What ended badly has entries of its own, which are walked in one stretch.
 */
import type { Job } from '../wire/shapes.ts';

export interface Walk {
  readonly startedMs: number;
  readonly jobs: readonly Job[];
  /** All that was created since then has been looked at. */
  readonly searchedBackMs: number;
  /** Pages since somebody last said to go on. */
  readonly pages: number;
  readonly stretch: Stretch;
  readonly pageToken: string;
  readonly status: 'walking' | 'paused' | 'done';
}

interface Stretch {
  readonly fromMs: number;
  readonly beforeMs: number;
}

export interface WalkBounds {
  /** The oldest creation that is wanted. */
  readonly beginMs: number;
  readonly isOneStretch: boolean;
}

export interface WalkPage {
  readonly jobs: readonly Job[];
  readonly nextPageToken: string;
}

export const pagesMax = 20;
/** More than a person reads, less than a browser feels. */
const jobsMax = 1_000;
const firstStretchMs = 900_000;

export function startWalk(nowMs: number, { beginMs, isOneStretch }: WalkBounds): Walk {
  const fromMs = isOneStretch ? beginMs : Math.max(beginMs, nowMs - firstStretchMs);
  return {
    startedMs: nowMs,
    jobs: [],
    searchedBackMs: nowMs,
    pages: 0,
    stretch: { fromMs, beforeMs: nowMs },
    pageToken: '',
    status: 'walking',
  };
}

export function withPage(walk: Walk, page: WalkPage, { beginMs }: WalkBounds): Walk {
  const known = new Set(walk.jobs.map(({ id }) => id));
  const jobs = [...walk.jobs, ...page.jobs.filter(({ id }) => !known.has(id))];
  const pages = walk.pages + 1;
  const { fromMs, beforeMs } = walk.stretch;
  const isStretchDone = page.nextPageToken === '';
  if (isStretchDone && fromMs <= beginMs) {
    return { ...walk, jobs, pages, searchedBackMs: beginMs, pageToken: '', status: 'done' };
  }
  const lastMs = Date.parse(page.jobs.at(-1)?.createTime ?? '');
  const status = pages >= pagesMax || jobs.length >= jobsMax ? 'paused' : walk.status;
  const searchedBackMs = isStretchDone
    ? fromMs
    : Math.min(walk.searchedBackMs, Number.isNaN(lastMs) ? Infinity : lastMs);
  const next = { fromMs: Math.max(beginMs, fromMs - 2 * (beforeMs - fromMs)), beforeMs: fromMs };
  const stretch = isStretchDone ? next : walk.stretch;
  return { ...walk, jobs, pages, searchedBackMs, stretch, pageToken: page.nextPageToken, status };
}

export function goOn(walk: Walk): Walk {
  return walk.status === 'paused' ? { ...walk, pages: 0, status: 'walking' } : walk;
}

export function pause(walk: Walk): Walk {
  return walk.status === 'walking' ? { ...walk, status: 'paused' } : walk;
}

/** The next question. */
export function walkRequest(walk: Walk, queue: string, filter: object): object {
  const { fromMs, beforeMs } = walk.stretch;
  return {
    queue,
    pageSize: 100,
    pageToken: walk.pageToken,
    filter: { ...filter, createdFrom: new Date(fromMs).toISOString(), createdBefore: new Date(beforeMs).toISOString() },
  };
}
