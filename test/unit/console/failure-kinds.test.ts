// Kinds of failures in the console: pages added up, a search with an end, addresses and commands.
import { describe, expect, it } from 'vitest';
import {
  kindFilterLink,
  kindFilterOf,
  kindPagesMax,
  kindsCli,
  type KindPage,
  redriveCli,
  searchRequest,
  startSearch,
  withKinds,
} from '../../../console/src/text/failure-kinds.ts';

const nowMs = Date.parse('2026-12-01T03:00:00Z');
const page = (more: Partial<KindPage> = {}): KindPage => ({
  kinds: [],
  jobs: 0,
  searchedToMs: nowMs - 1_000,
  endedFrom: '2026-11-30T03:00:00.000Z',
  nextPageToken: 'more',
  ...more,
});
const time = (minute: number): string => `2026-12-01T02:${String(minute).padStart(2, '0')}:00.000Z`;

describe('a search for kinds', () => {
  it('adds up what pages have of a kind, the largest first', () => {
    const one = { id: 'a', jobs: 2, firstTime: time(30), lastTime: time(40), sampleJobIds: ['4', '3'] };
    const two = { id: 'b', jobs: 5, firstTime: time(31), lastTime: time(31), sampleJobIds: ['9'] };
    const more = { id: 'a', jobs: 4, firstTime: time(10), lastTime: time(29), sampleJobIds: ['2', '1', '0', '-'] };
    const first = withKinds(startSearch(nowMs), page({ kinds: [one, two], jobs: 7 }));
    expect(first.kinds.map(({ id }) => id)).toEqual(['b', 'a']);
    const both = withKinds(first, page({ kinds: [more], jobs: 4, nextPageToken: '' }));
    expect(both).toMatchObject({ jobs: 11, status: 'done', pages: 2 });
    expect(both.kinds[0]).toEqual({
      id: 'a',
      jobs: 6,
      firstTime: time(10),
      lastTime: time(40),
      sampleJobIds: ['4', '3', '2', '1', '0'],
    });
  });

  it('goes on by itself for some pages, each with the time of the first', () => {
    let search = startSearch(nowMs);
    const filter = { queue: 'mails', since: '1h' } as const;
    expect(searchRequest(filter, search, nowMs)).toEqual({
      queue: 'mails',
      filter: { endedFrom: '2026-12-01T02:00:00.000Z' },
      pageToken: '',
    });
    for (let n = 1; n < kindPagesMax; n += 1) search = withKinds(search, page({ jobs: 1_000 }));
    expect(search.status).toBe('searching');
    search = withKinds(search, page());
    expect(search).toMatchObject({ status: 'paused', pages: kindPagesMax, searchedBackMs: nowMs - 1_000 });
    expect(searchRequest(filter, search, nowMs + 60_000)).toMatchObject({
      filter: { endedFrom: '2026-11-30T03:00:00.000Z' },
      pageToken: 'more',
    });
  });

  it('that was stopped stays so when its last answer comes', () => {
    expect(withKinds({ ...startSearch(nowMs), status: 'paused' }, page()).status).toBe('paused');
  });
});

it('the filter is in the address and in the command', () => {
  const filter = kindFilterOf(new URLSearchParams('queue=mails&since=6h'));
  expect(filter).toEqual({ queue: 'mails', since: '6h' });
  expect(kindFilterLink(filter)).toBe('./failures?queue=mails&since=6h');
  expect(kindFilterOf(new URLSearchParams('since=never'))).toEqual({ queue: 'default', since: '1d' });
  expect(kindsCli(filter, nowMs)).toBe('troupe failures --queue mails --ended-from 2026-11-30T21:00:00Z');
  expect(redriveCli('mails', 't0')).toBe('troupe redrive --queue mails --kind t0');
});
