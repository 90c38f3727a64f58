/** Addresses of the console: what a link says, and where the search field leads. */
import { describe, expect, it } from 'vitest';
import { jobIdIn, linkTo, pageNames, routeOf, searchLink } from '../../../console/src/site/route.ts';

const id = '019ad0a1-7c4e-7d11-9a63-5b1f27a0c2de';

describe('a route', () => {
  it.each([
    ['/', 'overview'],
    ['/index.html', 'overview'],
    ['/ops/troupe/', 'overview'],
    ['/queues', 'queues'],
    ['/ops/troupe/job', 'job'],
    ['/toString', 'unknown'],
    ['/nothing', 'unknown'],
  ])('%s is the page %s, below any path', (path, page) => {
    expect(routeOf(path, '').page).toBe(page);
  });

  it('is what its link says, for every page', () => {
    for (const page of pageNames) {
      const url = new URL(
        linkTo(page, { name: 'a b&c', state: ['FAILED', 'EXPIRED'], label: undefined }),
        'http://h/base/',
      );
      const route = routeOf(url.pathname, url.search);
      expect(url.pathname.startsWith('/base/')).toBe(true);
      expect([route.page, route.query.get('name'), route.query.getAll('state'), route.query.has('label')]).toEqual([
        page,
        'a b&c',
        ['FAILED', 'EXPIRED'],
        false,
      ]);
    }
  });
});

describe('the search', () => {
  it('finds the id of a job in whatever was pasted', () => {
    expect(searchLink(`  ${id.toUpperCase()}\n`)).toBe(`./job?id=${id}`);
    expect(jobIdIn(`{"jobId":"${id}","level":"error"}`)).toBe(id);
    expect(jobIdIn(`https://troupe.example.com/job?id=${id}`)).toBe(id);
  });

  it('leads to a queue by its name, to jobs by a label, and nowhere by anything else', () => {
    expect(searchLink('reports-nightly')).toBe('./queue?name=reports-nightly');
    expect(searchLink('customer=Ann & Co')).toBe('./jobs?label=customer%3DAnn+%26+Co');
    expect(searchLink('<script>alert(1)</script>')).toBeUndefined();
    expect(searchLink('')).toBeUndefined();
  });
});
