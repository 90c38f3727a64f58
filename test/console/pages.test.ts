/**
 * The console as people see it: every page in a real browser, on a real cluster with jobs that ended well, badly, and not
 * yet. Texts of users are as odd as they can be.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { openBrowser, openPage, type OpenPage } from '../support/browser.ts';
import { clusterHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';

const builtDir = fileURLToPath(new URL('../../build/console/', import.meta.url));
const buildScript = fileURLToPath(new URL('../../scripts/console.mjs', import.meta.url));
const ownHandlersDir = fileURLToPath(new URL('../support/console-handlers', import.meta.url));
const browser = await openBrowser();
if (typeof browser === 'string') process.stderr.write(`the console is not tried in a browser: ${browser}\n`);

/** Markup, a change of direction, an escape of terminals, a character of two units, and one that is not there. */
const odd = '<img src=x onerror=alert(1)>"\'&lt; \u202egnirts\u202c \u001b[31mred \u0000 שלום 😀 '.padEnd(120, 'W');

let cluster: TestCluster;
let node: TestNode;
let client: TroupeClient;
let baseUrl: string;
let heldId: string;
let failedId: string;
let oddId: string;
let gate: string;
let guardedUrl: string;
let viewerKey: string;

const operatorToken = 'operators-only-1234';

async function consoleOf({ lines }: TestNode): Promise<string> {
  const banner = (): string | undefined =>
    lines.map(({ text }) => /^ {2}Console +(\S+)/.exec(text)?.[1]).find((url) => url !== undefined);
  return `${await cluster.waitFor('the console has an address', banner, 30_000)}/`;
}

/** A gateway of the same cluster that asks for credentials, and one that may read no payloads. */
async function startGuarded(): Promise<void> {
  const settings = { 'gateway.apiKeys': true, 'gateway.operatorToken': operatorToken };
  const guarded = await cluster.startNode('guarded', { roles: ['gateway'], settings });
  guardedUrl = await consoleOf(guarded);
  const { accounts } = guarded.client({ token: operatorToken });
  await accounts.create('watcher', { roles: ['viewer'] });
  viewerKey = (await accounts.createKey('watcher')).key;
}

async function startFixture(): Promise<void> {
  execFileSync(process.execPath, [buildScript]);
  cluster = await startCluster();
  node = await cluster.startNode('north', { handlerDirs: [clusterHandlersDir, ownHandlersDir] });
  client = node.client();
  baseUrl = await consoleOf(node);
  gate = join(cluster.dir, 'gate');
  await client.queues.create('mails', { flow: { maxRunning: 5 } });
  const held = await client.submit('test.hold', { gate, ledger: join(cluster.dir, 'ledger') });
  const failed = await client.submit(
    'console.odd',
    { text: odd, code: 'ECONNREFUSED' },
    { queue: 'mails', labels: { customer: odd } },
  );
  const succeeded = await client.submit('console.odd', { text: odd }, { queue: 'mails' });
  [heldId, failedId, oddId] = [held.jobId, failed.jobId, succeeded.jobId];
  await client.wait(oddId);
  await startGuarded();
  await cluster.waitFor('one has failed', async () => (await client.get(failedId)).state === 'FAILED', 30_000);
  await cluster.waitFor('one runs', async () => (await client.get(heldId)).progress?.fraction === 0.5, 30_000);
}

/** What the test needs of a page that has settled: what was asked for is there. */
async function show(open: OpenPage, path: string): Promise<Page> {
  const { page } = open;
  await page.goto(baseUrl + path);
  await page.locator('main h1').waitFor();
  await expect.poll(() => page.getByText('loading …').count()).toBe(0);
  return page;
}

async function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

describe.skipIf(typeof browser === 'string')('the console', () => {
  const opened = browser as Browser;
  beforeAll(startFixture);
  afterAll(async () => {
    await opened.close();
    await cluster.stop();
  });

  const paths = (): readonly string[] => [
    '',
    'queues',
    'queue?name=mails',
    'jobs?queue=mails',
    'jobs?queue=mails&state=ALL',
    'failures?queue=mails&since=1h',
    'failures',
    `job?id=${heldId}`,
    `job?id=${failedId}`,
    `job?id=${oddId}`,
    'job?id=019ad0a1-7c4e-7d11-9a63-5b1f27a0c2de',
    'nodes',
    'shards',
    'actors',
    'actors?troubled=1',
    'nothing',
  ];

  it('has no page with an error, a finding of axe in light or dark, or an overflow in a wide or a narrow window', async () => {
    const open = await openPage(opened, { colorScheme: 'light', reducedMotion: 'reduce' });
    for (const path of paths()) {
      const page = await show(open, path);
      const light = await new AxeBuilder({ page }).analyze();
      expect(await overflow(page), path).toBeLessThanOrEqual(0);
      // Names and structure are the same in the dark and in a narrow window.
      await page.emulateMedia({ colorScheme: 'dark' });
      const dark = await new AxeBuilder({ page }).withRules(['color-contrast']).analyze();
      await page.setViewportSize({ width: 390, height: 860 });
      expect(await overflow(page), path).toBeLessThanOrEqual(0);
      const found = [...light.violations, ...dark.violations].map(({ id, nodes }) => [path, id, nodes[0]?.html]);
      expect(found).toEqual([]);
      await page.setViewportSize({ width: 1280, height: 860 });
      await page.emulateMedia({ colorScheme: 'light' });
    }
    expect(open.troubles).toEqual([]);
    await open.page.context().close();
  });

  it('shows texts of users as they are, wherever they stand, and runs none of them', async () => {
    const open = await openPage(opened);
    const page = await show(open, `job?id=${failedId}`);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('.tree').first().waitFor();
    const text = await page.locator('main').innerText();
    expect(text.split('<img src=x onerror=alert(1)>').length).toBeGreaterThan(5);
    expect(text).toContain('U+202Egnirts');
    expect(text).toContain('\u241b[31mred');
    expect(await page.locator('main img').count()).toBe(0);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(open.troubles).toEqual([]);
    await page.context().close();
  });

  it('follows a job that runs, and shows its end by itself', async () => {
    const open = await openPage(opened);
    const page = await show(open, `job?id=${heldId}`);
    await page.getByText('waits at the gate').first().waitFor();
    await page.getByText('50\u202f%').waitFor();
    writeFileSync(gate, '');
    await page.locator('h1 + .tag', { hasText: 'succeeded' }).waitFor();
    await page.getByRole('button', { name: 'Retry', exact: true }).waitFor();
    expect(open.troubles).toEqual([]);
    await page.context().close();
  });

  it('pauses a queue after it has said what that does, and changes its rule by the version that was seen', async () => {
    const open = await openPage(opened);
    const page = await show(open, 'queue?name=mails');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Why, for the audit log').fill('INC-7');
    expect(await dialog.locator('.cli code').innerText()).toContain('troupe queues pause mails --audit-reason INC-7');
    await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
    expect((await client.queues.get('mails')).settings.flow.paused).toBe(true);
    const { value: entry } = await client.audit.list({ method: 'UpdateQueue' }).next();
    expect(entry).toMatchObject({ reason: 'INC-7', decision: 'allowed' });
    await page.getByLabel('run at a time').fill('12');
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Change', exact: true }).click();
    await expect
      .poll(async () => (await client.queues.get('mails')).settings.flow)
      .toMatchObject({ paused: true, maxRunning: 12 });
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
    expect(open.troubles).toEqual([]);
    await page.context().close();
  });

  it('finds a job by an id that was pasted in a line of a log, tries it again, and cancels one that waits', async () => {
    const open = await openPage(opened);
    const page = await show(open, '');
    await page.keyboard.press('/');
    await page.keyboard.insertText(`{"level":"error","jobId":"${failedId}"}`);
    await page.keyboard.press('Enter');
    await page.locator('h1 + .tag', { hasText: 'failed' }).waitFor();
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry', exact: true }).click();
    await page.waitForURL((url) => url.searchParams.get('id') !== failedId);
    await page.getByText('repeats', { exact: true }).waitFor();
    const { jobId } = await client.submit(
      'console.odd',
      { text: 'later' },
      { queue: 'mails', runAt: new Date(Date.now() + 3_600_000) },
    );
    await show(open, `job?id=${jobId}`);
    await page.getByRole('button', { name: 'Cancel job', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason, kept with the job').fill("it's odd");
    await dialog.getByRole('button', { name: 'Cancel job', exact: true }).click();
    await page.locator('h1 + .tag', { hasText: 'cancelled' }).waitFor();
    expect(await client.get(jobId)).toMatchObject({ state: 'CANCELLED', cancelReason: "it's odd" });
    expect(open.troubles).toEqual([]);
    await page.context().close();
  });

  it('groups what has failed, and leads to the jobs of one kind', async () => {
    const open = await openPage(opened);
    const page = await show(open, 'failures?queue=mails');
    await page.getByText('that is all of this time').waitFor();
    const row = page.locator('tbody tr', { hasText: 'ECONNREFUSED' });
    await row.waitFor();
    expect(await page.locator('.cli code').first().innerText()).toMatch(
      /^troupe redrive --queue mails --kind t[0-9a-f]{15}$/,
    );
    await row.getByRole('link', { name: /jobs of this kind/ }).click();
    await page.locator('h1', { hasText: 'Jobs' }).waitFor();
    await page.locator('tbody tr').first().waitFor();
    await page.getByRole('button', { name: 'Jobs of any kind of failure' }).click();
    await page.waitForURL((url) => !url.searchParams.has('kind'));
    expect(open.troubles).toEqual([]);
    await page.context().close();
  });

  it('keeps what was seen while the gateway is away, with its age and why, and goes on by itself', async () => {
    const { page } = await openPage(opened);
    await page.goto(`${baseUrl}queues`);
    await page.getByRole('link', { name: 'mails' }).waitFor();
    await page.context().setOffline(true);
    await page.getByText(/^\d+ s old · offline$/).waitFor();
    expect(await page.getByRole('link', { name: 'mails' }).count()).toBe(1);
    await page.context().setOffline(false);
    await page.getByText(/ old · /).waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('asks for a credential when the gateway does, keeps it in the tab alone, and hides what its holder may not see', async () => {
    const { page } = await openPage(opened, { colorScheme: 'dark' });
    await page.goto(`${guardedUrl}job?id=${failedId}`);
    const field = page.getByLabel('API key or token');
    await field.fill('trp_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('form .trouble').waitFor();
    expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id }) => id)).toEqual([]);
    await field.fill(viewerKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('h1 + .tag', { hasText: 'failed' }).waitFor();
    const text = await page.locator('main').innerText();
    expect(text).toContain('you lack the permission payloads.read');
    expect(text).toContain('The log is hidden: you lack the permission logs.read');
    expect(text).toContain('ECONNREFUSED');
    expect(text.replace(/customer=.*/g, '')).not.toContain('onerror');
    expect(await page.getByRole('button', { name: 'Retry', exact: true }).isDisabled()).toBe(true);
    expect(await page.getByRole('link', { name: 'Nodes' }).count()).toBe(0);
    expect(await page.evaluate('[Object.keys(localStorage), document.cookie]')).toEqual([[], '']);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await field.waitFor();
    expect(await page.evaluate('Object.keys(sessionStorage)')).toEqual([]);
    await page.context().close();
  });

  it('goes from page to page by keys, and a link shows the same to somebody else', async () => {
    const open = await openPage(opened);
    const page = await show(open, '');
    for (const [key, title] of [
      ['q', 'Queues'],
      ['j', 'Jobs'],
      ['f', 'Failures'],
      ['a', 'Actors'],
      ['o', 'Overview'],
    ] as const) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.locator('h1', { hasText: title }).waitFor();
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await show(open, 'jobs');
    await page.locator('label', { hasText: 'queue' }).locator('select').selectOption('mails');
    await page.locator('tbody tr').first().waitFor();
    const other = await openPage(opened);
    await show(other, page.url().slice(baseUrl.length));
    await other.page.locator('tbody tr').first().waitFor();
    expect([...open.troubles, ...other.troubles]).toEqual([]);
    await page.context().close();
    await other.page.context().close();
  });
});

it('loads at most 80 KB', () => {
  expect(existsSync(builtDir)).toBe(true);
  const first = readFileSync(join(builtDir, 'index.html'), 'utf8').match(/(?<=\.\/)[\w-]+\.(js|css)/g) ?? [];
  expect(first.length).toBe(2);
  const sizes = readdirSync(builtDir)
    .filter((file) => first.some((name) => file === `${name}.gz`))
    .map((file) => statSync(join(builtDir, file)).size);
  expect(sizes.length).toBe(2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(80_000);
});
