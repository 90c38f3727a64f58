/** Failed jobs by kind: what the address says, what the pages of the gateway have of each kind added up, and what to do next. */
import { linkTo } from '../site/route.ts';
import type { FailureKind } from '../wire/shapes.ts';
import { cliLine, flag } from './cli-lines.ts';
import { type Since, sinceMs, sinces } from './job-filter.ts';

export interface KindFilter {
  readonly queue: string;
  /** How far back, of their end. */
  readonly since: Since;
}

export interface KindPage {
  readonly kinds: readonly FailureKind[];
  readonly jobs: number;
  readonly searchedToMs: number;
  readonly endedFrom: string;
  readonly nextPageToken: string;
}

export interface KindSearch {
  readonly kinds: readonly FailureKind[];
  readonly jobs: number;
  /** All failed jobs that were created since are in `kinds`. */
  readonly searchedBackMs: number;
  /** Of the first page; the next ones need the same. */
  readonly endedFrom: string | undefined;
  readonly pageToken: string;
  readonly pages: number;
  readonly status: 'searching' | 'paused' | 'done';
}

/** Of 1,000 jobs each, until somebody says to go on. */
export const kindPagesMax = 10;
const samplesMax = 5;
const usualSince: Since = '1d';

export function kindFilterOf(query: URLSearchParams): KindFilter {
  const since = sinces.find((word) => word === query.get('since')) ?? usualSince;
  return { queue: query.get('queue') ?? 'default', since };
}

export function kindFilterLink({ queue, since }: KindFilter): string {
  return linkTo('failures', { queue, since: since === usualSince ? undefined : since });
}

export function startSearch(nowMs: number): KindSearch {
  const none = { kinds: [], jobs: 0, pages: 0, pageToken: '', endedFrom: undefined };
  return { ...none, searchedBackMs: nowMs, status: 'searching' };
}

export function searchRequest({ queue, since }: KindFilter, search: KindSearch, nowMs: number): object {
  const endedFrom = search.endedFrom ?? new Date(nowMs - sinceMs[since]).toISOString();
  return { queue, filter: { endedFrom }, pageToken: search.pageToken };
}

/** The kind with the most jobs comes first. */
export function withKinds(search: KindSearch, page: KindPage): KindSearch {
  const kinds = new Map(search.kinds.map((kind) => [kind.id, kind]));
  for (const kind of page.kinds) {
    const known = kinds.get(kind.id);
    kinds.set(kind.id, known === undefined ? kind : together(known, kind));
  }
  const pages = search.pages + 1;
  const isDone = page.nextPageToken === '';
  return {
    kinds: [...kinds.values()].sort((one, other) => (other.jobs ?? 0) - (one.jobs ?? 0)),
    jobs: search.jobs + page.jobs,
    searchedBackMs: page.searchedToMs,
    endedFrom: page.endedFrom,
    pageToken: page.nextPageToken,
    pages,
    status: isDone ? 'done' : pages >= kindPagesMax ? 'paused' : search.status,
  };
}

/** Times are texts of one form, so they compare as they are. */
function together(one: FailureKind, other: FailureKind): FailureKind {
  const [firstTime = ''] = [one.firstTime ?? '', other.firstTime ?? ''].sort();
  const [, lastTime = ''] = [one.lastTime ?? '', other.lastTime ?? ''].sort();
  const sampleJobIds = [...(one.sampleJobIds ?? []), ...(other.sampleJobIds ?? [])].slice(0, samplesMax);
  return { ...one, jobs: (one.jobs ?? 0) + (other.jobs ?? 0), firstTime, lastTime, sampleJobIds };
}

export function kindsCli({ queue, since }: KindFilter, nowMs: number): string {
  const from = `${new Date(nowMs - sinceMs[since]).toISOString().slice(0, 19)}Z`;
  return cliLine(['failures', ...flag('queue', queue), ...flag('ended-from', from)]);
}

export function redriveCli(queue: string, kind: string): string {
  return cliLine(['redrive', ...flag('queue', queue), ...flag('kind', kind)]);
}
