// What the docs tell people to type works as it stands: each `troupe` command of the guides and the filters of the page on
// events. A new line in a page is run without anybody naming it here. The README has a test of its own.
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { blocksOf, commandsIn, fileInPage, wordsOf } from '../support/docs-commands.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docsHandlers = fileURLToPath(new URL('../support/docs-handlers', import.meta.url));
/** These start processes of their own, and are run by other suites: serve.test.ts, cli-migrate.test.ts, backup.test.ts. */
const startsProcesses = /^(npx )?troupe (serve|migrate|backup) /;
/**
 * Its commands change files of whoever runs them, and log in at an issuer: cli-profiles.test.ts and cli-login.test.ts do
 * that.
 */
const ownFiles = 'docs/guides/profiles.md';
/** Its jobs must not have ended before the next line. */
const pausedFor = 'docs/guides/keys.md';
/** The page itself announces another exit code than 0. */
const announcedCodes: ReadonlyMap<string, number> = new Map([['troupe queues diff queues.yaml', 7]]);

const pages = readdirSync(join(root, 'docs/guides'))
  .map((name) => `docs/guides/${name}`)
  .map((page) => ({ page, commands: commandsIn(page, 'troupe').filter((line) => !startsProcesses.test(line)) }))
  .filter(({ page, commands }) => page !== ownFiles && commands.length > 0);

const from = process.cwd();
let folder: string;
let cluster: TestCluster;
let address: string;
let client: TroupeClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-docs-'));
  writeFileSync(join(folder, 'queues.yaml'), fileInPage('docs/guides/queues.md', 'queues.yaml'));
  symlinkSync(join(root, 'examples'), join(folder, 'examples'));
  process.chdir(folder);
  cluster = await startCluster();
  const node = await cluster.startNode('docs', {
    handlerDirs: [join(root, 'examples'), docsHandlers],
  });
  address = node.address ?? '';
  client = node.client();
});
afterAll(async () => {
  process.chdir(from);
  client.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ensureQueue(name: string): Promise<void> {
  await client.queues.create(name).catch((error: unknown) => {
    if (!(error instanceof TroupeClientError && error.code === 'QUEUE_EXISTS')) throw error;
  });
}

/** A job in the state that the command is about: what is watched or read has ended, what is retried has failed. */
async function jobFor(command: string): Promise<string> {
  const [, verb = ''] = wordsOf(command);
  if (!['retry', 'watch', 'logs'].includes(verb)) {
    const { jobId } = await client.submit('report.build', {}, { runAt: new Date(Date.now() + 3_600_000) });
    return jobId;
  }
  const { jobId } = await client.submit('report.build', { fail: verb === 'retry' });
  await client.wait(jobId);
  return jobId;
}

async function run(command: string): Promise<void> {
  const plain = command.replace(/^npx /, '');
  const words = wordsOf(plain).slice(1);
  const job = words.includes('JOB') ? await jobFor(plain) : '';
  const terminal = recordedTerminal();
  const args = words.map((word) => (word === 'JOB' ? job : word));
  const code = await runCli([...args, '--address', address], { terminal });
  const announced = [...announcedCodes].find(([start]) => plain.startsWith(start))?.[1] ?? 0;
  expect({ command, code, err: code === announced ? '' : terminal.written.err }).toEqual({
    command,
    code: announced,
    err: '',
  });
}

describe('the commands of', () => {
  it.each(pages)('$page', async ({ page, commands }) => {
    if (page === pausedFor) await client.queues.pause('default');
    for (const command of commands) {
      if (/^troupe queues (?!create ).*\bpictures\b/.test(command)) await ensureQueue('pictures');
      await run(command);
    }
    if (page === pausedFor) await client.queues.resume('default');
  });
});

describe('the filters of docs/reference/events.md', () => {
  const shown = blocksOf('docs/reference/events.md').flatMap(
    ({ text }) => text.match(/'troupe\.events\.[^']+'/g) ?? [],
  );
  const filters = [...new Set(shown)].map((quoted) => quoted.slice(1, -1));
  const exampleId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
  let nats: NatsConnection;
  beforeAll(async () => {
    nats = await connect({ servers: cluster.broker.url });
    await ensureQueue('thumbs');
  });
  afterAll(() => nats.close());

  it('are there', () => {
    expect(filters.length).toBeGreaterThan(2);
  });

  it.each(filters)('%s finds the events of a job', async (filter) => {
    const spec = { queue: 'thumbs', runAt: new Date(Date.now() + 3_600_000) };
    const done = await client.submit('report.build', {}, spec);
    const failed = await client.submit('report.build', { fail: true }, spec);
    const subject = filter.replace('troupe.', `${cluster.root}.`).replace(exampleId, done.jobId);
    const isLive = subject.endsWith('>') || subject.split('.').length === 6;
    const heard = isLive ? nextLive(nats, subject) : nextStored(nats, subject);
    await nats.flush();
    for (const { jobId } of [done, failed]) await client.reschedule(jobId, 'now');
    expect(await heard).toMatch(/^[0-9a-f-]{36}$/);
  });
});

async function nextLive(nats: NatsConnection, subject: string): Promise<string> {
  for await (const message of nats.subscribe(subject, { max: 1, timeout: 30_000 })) {
    return message.headers?.get('ce-subject') ?? '';
  }
  return '';
}

async function nextStored(nats: NatsConnection, subject: string): Promise<string> {
  const manager = await jetstreamManager(nats);
  const stream = await manager.streams.find(`${cluster.root}.events.default.default.queued.x`);
  const { name } = await manager.consumers.add(stream, { durable_name: 'page', filter_subject: subject });
  const consumer = await jetstream(nats).consumers.get(stream, name);
  const message = await consumer.next({ expires: 30_000 });
  return message?.headers?.get('ce-subject') ?? '';
}
