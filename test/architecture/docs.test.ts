// Docs that can be wrong by machine are checked by machine: the index of decisions, links, the changelog's form.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../infra/src/config/data.ts';
import { oldestTerraform } from '../../infra/scripts/terraform.mjs';
import { cassandraVersion } from '../../src/backing/cassandra/cassandra-install.ts';
import { acceptedServer, recommendedServer } from '../../src/adapters/nats/server-version.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const pages = execFileSync('git', ['ls-files', '--', '*.md'], { cwd: project, encoding: 'utf8' })
  .split('\n')
  .filter((page) => page !== '' && existsSync(join(project, page)));

function read(page: string): string {
  return readFileSync(join(project, page), 'utf8');
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase());
  return new Set(headings.map((title) => title.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

describe('the decisions', () => {
  const decisions = readdirSync(join(project, 'docs/adr')).filter((name) => name !== 'README.md');
  const index = read('docs/adr/README.md');

  it('have a number each', () => {
    const numbers = decisions.map((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]);
    expect(numbers).not.toContain(undefined);
    expect(new Set(numbers).size).toBe(decisions.length);
    expect(numbers).toContain('0001');
  });

  it.each(decisions)('%s is in the index, with a status, and says what was decided', (name) => {
    const text = read(`docs/adr/${name}`);
    expect(text).toMatch(/^(\| Status \| |Status: )(proposed|accepted|rejected|superseded by \d{4})/m);
    expect(text).toMatch(/^## Decision$/m);
    const title = /^# \d{4}[:.]? (.+)$/m.exec(text)?.[1];
    expect(index).toContain(`| [${name.slice(0, 4)}](${name}) | ${title ?? '?'} | `);
  });

  it('are all there that the index names', () => {
    const named = [...index.matchAll(/\]\((\d{4}-[^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !decisions.includes(name))).toEqual([]);
  });
});

describe('the pages', () => {
  it.each(pages)('%s links to what is there', (page) => {
    const text = read(page).replaceAll(/```[\s\S]*?```/g, '');
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const local = targets.filter((target) => !/^([a-z]+:|#)/.test(target)).map((target) => target.replace(/#.*$/, ''));
    expect(local.filter((target) => !existsSync(join(project, dirname(page), target)))).toEqual([]);
  });

  it.each(pages)('%s links to headings that are there', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)];
    const missing = links.filter(([, target = '', anchor = '']) => {
      const file = target === '' ? page : join(dirname(page), target);
      return file.endsWith('.md') && !anchorsOf(file).has(anchor);
    });
    expect(missing.map(([link]) => link)).toEqual([]);
  });

  it('are all in the index of the README, but for the decisions', () => {
    const index = read('README.md').split('## Documentation')[1] ?? '';
    const expected = pages.filter((page) => page.startsWith('docs/') && !page.startsWith('docs/adr/'));
    expect(expected.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });

  it('include a changelog with an entry for what is to come', () => {
    expect(read('CHANGELOG.md')).toMatch(/^## \[Unreleased\]$/m);
  });
});

describe('the guides', () => {
  const guides = pages.filter((page) => page.startsWith('docs/guides/'));

  it.each(guides)('%s shows an example, then its limits, then what fails', (page) => {
    const parts = ['Example', 'Limits', 'What fails'];
    const headings = [...read(page).matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
    expect(headings.filter((title) => parts.includes(title))).toEqual(parts);
    expect(headings[0]).toBe('Example');
  });

  it.each([...guides, 'README.md', 'examples/README.md'])('%s has lines that fit an editor', (page) => {
    const lines = read(page).split('\n');
    expect(lines.filter((line) => line.length > 124 && !/^(\||!\[)/.test(line))).toEqual([]);
  });
});

describe('versions', () => {
  it('of nats-server are those that nodes accept', () => {
    const text = read('docs/operating/upgrade.md');
    expect(text).toContain(`refuse a server before ${acceptedServer.join('.')}`);
    expect(text).toContain(`warn about one before ${recommendedServer.join('.')}`);
  });

  it.each(['CONTRIBUTING.md', 'infra/README.md'])('of terraform in %s are those that its script accepts', (page) => {
    const named = [...read(page).matchAll(/terraform (\d+(?:\.\d+)+) or later(?! for)/g)].map((match) => match[1]);
    expect(named).toContain(oldestTerraform.join('.'));
  });

  it('of Cassandra that an environment gets by default are those that are tested', () => {
    const data = dataSchema.parse({ kind: 'k8ssandra', dataCenter: 'dc1' });
    expect(data).toMatchObject({ serverVersion: cassandraVersion });
  });
});
