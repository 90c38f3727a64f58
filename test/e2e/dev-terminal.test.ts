/** What somebody who writes handlers reads in the terminal of `troupe dev`: variables, reloads, and what handlers print. */
import { execFile } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startNodeProcess } from '../support/cluster-node.ts';
import { startCluster, type TestCluster, type TestNode, waitFor } from '../support/cluster.ts';

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;
let dir: string;
const soonMs = 30_000;

const handler = (name: string, body: string, more = ''): string =>
  `import { defineHandler } from 'troupe/handlers';\n${more}\nexport default defineHandler({ name: '${name}', run() { ${body} } });\n`;

async function save(file: string, text: string): Promise<void> {
  await writeFile(join(dir, `.${file}.saving`), text);
  await rename(join(dir, `.${file}.saving`), join(dir, file));
}

/** Lines for a person, so those on standard error. */
function said(pattern: RegExp): string[] {
  return node.lines.flatMap(({ text }) => (!text.startsWith('{') && pattern.test(text) ? [text] : []));
}

beforeAll(async () => {
  cluster = await startCluster();
  dir = join(cluster.dir, 'handlers');
  await mkdir(dir);
  const module =
    "import { readFileSync } from 'node:fs';\nconst text = readFileSync(new URL('./words.wasm', import.meta.url), 'utf8');";
  await save('words.wasm', 'old');
  await save('words.job.ts', handler('words', 'return text;', module));
  await save('env.job.ts', handler('env', 'return { ...process.env };'));
  await save(
    'prints.job.ts',
    handler('prints', "console.log('\\u001b[2Jhalf\\u0007 done'); console.error('be careful');"),
  );
  await save('floods.job.ts', handler('floods', "for (let n = 0; n < 190; n += 1) console.log('line ' + n);"));
  node = await cluster.startNode('one', {
    threads: 1,
    handlerDirs: [dir],
    settings: { 'handlers.env': 'APP_*,API_URL,NOT_SET' },
    env: { APP_MODE: 'test', API_URL: 'http://127.0.0.1:1', APPLE: 'no' },
  });
  troupe = node.client();
});
afterAll(() => cluster.stop());

async function outputOf(name: string): Promise<{ readonly jobId: string; readonly output: unknown }> {
  const { jobId } = await troupe.submit(name, {});
  const { output } = await troupe.wait(jobId);
  return { jobId, output };
}

it('handlers see the variables that are listed; one that is not set is told once', async () => {
  expect((await outputOf('env')).output).toEqual({ APP_MODE: 'test', API_URL: 'http://127.0.0.1:1' });
  const warnings = node.lines.filter(({ event }) => event === 'handlers.env.missing');
  expect(warnings.map(({ text }) => (JSON.parse(text) as { variables: unknown }).variables)).toEqual([['NOT_SET']]);
});

describe('what a handler prints', () => {
  it('is a line each, with the handler and the end of the job id, and nothing that a terminal obeys', async () => {
    const { jobId } = await outputOf('prints');
    const lead = `[prints …${jobId.slice(-8)}]`;
    await cluster.waitFor('both lines', () => said(/^\[prints /).length === 2, soonMs);
    expect(said(/^\[prints /)).toEqual([`${lead} \\x1b[2Jhalf\\x07 done`, `${lead} warn: be careful`]);
  });

  it('in a flood is cut, and counted', async () => {
    const { jobId } = await outputOf('floods');
    const shown = (): readonly string[] => said(/^\[floods /);
    const counted = (): number =>
      said(/^\.\.\. \d+ more lines of handlers/).reduce((sum, text) => sum + Number(/\d+/.exec(text)?.[0]), 0);
    // A slow machine may need more than one second for the lines, and each second has a count of its own.
    await cluster.waitFor('each line, shown or counted', () => shown().length + counted() === 190, soonMs);
    expect(shown()[0]).toBe(`[floods …${jobId.slice(-8)}] line 0`);
    expect(counted()).toBeGreaterThan(0);
  });
});

describe('a reload', () => {
  it('by a changed .wasm is told, and the next job has it', async () => {
    expect((await outputOf('words')).output).toBe('old');
    await save('words.wasm', 'new');
    await cluster.waitFor('the reload', () => said(/^reloaded .*words\.wasm/).length === 1, soonMs);
    expect(said(/^reloaded .*words\.wasm/)).toEqual(['reloaded env, floods, prints, words (words.wasm changed)']);
    expect((await outputOf('words')).output).toBe('new');
  });

  it('that fails is told, with the file and why; and when it is mended', async () => {
    await save('env.job.ts', "throw new Error('no licence');");
    await cluster.waitFor('the failure', () => said(/^not reloaded/).length === 1, soonMs);
    expect(said(/^not reloaded/)).toEqual([
      'not reloaded, the old code stays (env.job.ts changed): env.job.ts: no licence',
    ]);
    expect((await outputOf('env')).output).toMatchObject({ APP_MODE: 'test' });
    await save('env.job.ts', handler('env', "return 'mended';"));
    await cluster.waitFor('the reload', () => said(/^reloaded .*env\.job\.ts/).length === 1, soonMs);
    expect((await outputOf('env')).output).toBe('mended');
  });
});

describe('after the samples', () => {
  it('the lines to try next work as they stand, with the ports that were taken', { timeout: 120_000 }, async () => {
    const cwd = join(cluster.dir, 'samples');
    await mkdir(cwd);
    const ports = ['--port', '0', '--http-port', '0', '--web-port', '0', '--set', 'nats.port=0'];
    const dev = await startNodeProcess({ name: 'samples', cwd, args: ['--threads', '2', ...ports] });
    try {
      const lineOf = (pattern: RegExp) => dev.lines.find(({ text }) => pattern.test(text))?.text.trim();
      await waitFor('what to try next', () => lineOf(/^ {2}nats sub /), 90_000);
      expect(dev.address).not.toBe('127.0.0.1:50051');
      expect(lineOf(/^ {2}nats sub /)).toContain(`nats sub 'troupe.events.>' --server ${dev.natsUrl} `);
      expect(lineOf(/^ {2}npx troupe submit /)).toContain(`--wait --address ${dev.address ?? ''}`);
      const [, ...get] = (lineOf(/^ {2}npx troupe get /) ?? '').split(' ').slice(1);
      const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...get], { cwd });
      expect(stdout).toMatch(/^state +SUCCEEDED/m);
    } finally {
      await dev.discard();
    }
  });
});
