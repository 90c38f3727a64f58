/** `troupe dev` whose gateway asks for credentials, as somebody tries API keys: it has no samples then, and goes on. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { startNodeProcess, type TestNode } from '../support/cluster-node.ts';

const operatorToken = 'operators-only-1234';
let dir: string;
let node: TestNode;

afterAll(async () => {
  await node.discard();
  await rm(dir, { recursive: true, force: true });
});

it('says that there are no sample jobs, and serves keys from the first one on', async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-dev-'));
  await writeFile(join(dir, 'operator.token'), `${operatorToken}\n`);
  const settings = ['nats.port=0', 'gateway.apiKeys=true', 'gateway.operatorTokenPath=operator.token'];
  node = await startNodeProcess({
    name: 'dev',
    cwd: dir,
    args: [
      ...['--data-dir', 'data', '--port', '0', '--http-port', '0', '--web-port', '0', '--threads', '1'],
      ...settings.flatMap((setting) => ['--set', setting]),
    ],
  });
  await expect
    .poll(() => node.lines.some(({ text }) => text.startsWith('no sample jobs')), { timeout: 30_000 })
    .toBe(true);
  const operator = node.client({ token: operatorToken });
  await operator.accounts.create('billing', { roles: ['viewer'] });
  const { key } = await operator.accounts.createKey('billing');
  expect(await node.client({ token: key }).access.whoAmI()).toMatchObject({ principal: 'service:default/billing' });
  await expect(node.client().access.whoAmI()).rejects.toMatchObject({ code: 'NO_CREDENTIALS' });
  expect(await node.stop()).toBe(0);
});
