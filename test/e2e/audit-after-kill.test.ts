/** A gateway that dies by SIGKILL between the intent of a call and its outcome: what the audit log says then. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditEntryInfo } from '../../src/client/index.ts';
import { clusterHandlersDir, type TestNode } from '../support/cluster.ts';
import { startNodeProcess } from '../support/cluster-node.ts';

let dir: string;
let node: TestNode;

const settings = ['nats.port=0', 'shutdown.graceMs=1500'];
const start = (): Promise<TestNode> =>
  startNodeProcess({
    name: 'dev',
    cwd: dir,
    args: [
      ...['--no-samples', '--data-dir', join(dir, 'data'), '--handlers', clusterHandlersDir],
      ...['--port', '0', '--http-port', '0', '--web-port', '0', '--threads', '1'],
      ...settings.flatMap((setting) => ['--set', setting]),
    ],
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-audit-'));
  node = await start();
});
afterAll(async () => {
  await node.discard();
  rmSync(dir, { recursive: true, force: true });
});

async function entries(): Promise<readonly AuditEntryInfo[]> {
  const found: AuditEntryInfo[] = [];
  for await (const entry of node.client().audit.list({ of: 'cluster' })) found.push(entry);
  return found;
}

it('the call is there with an unknown outcome, those before it with theirs, and the chain is whole but has no end', async () => {
  const before = node.client();
  await before.tenants.create('shop');
  // It lasts 45 s: until every gateway surely refuses the tenant.
  const steps = before.tenants.delete('shop');
  const first = await steps.next();
  expect(first.done).toBe(false);
  await node.kill();
  await expect(
    (async () => {
      for await (const _ of steps);
    })(),
  ).rejects.toThrow();

  node = await start();
  const [deletion, creation, ...others] = await entries();
  expect(deletion).toMatchObject({ method: 'DeleteTenant', resources: { name: 'shop' }, decision: 'allowed' });
  expect([deletion?.outcome, deletion?.errorCode, deletion?.outcomeAt]).toEqual(['unknown', '', undefined]);
  expect(creation).toMatchObject({ method: 'CreateTenant', outcome: 'succeeded' });
  expect(others).toEqual([]);
  // It had begun to act.
  expect(await node.client().tenants.get('shop')).toMatchObject({ state: 'DELETING' });

  const day = deletion?.id.slice(0, 10) ?? '';
  const [chain, ...more] = await node.client().audit.verify(day, { of: 'cluster' });
  expect(chain).toMatchObject({ writer: deletion?.id.split('/')[1], ended: false });
  expect([chain?.fault, more]).toEqual([undefined, []]);

  // The next process goes on in a chain of its own.
  await node.client().tenants.create('other');
  const chains = await node.client().audit.verify(day, { of: 'cluster' });
  expect(chains.map(({ fault }) => fault)).toEqual([undefined, undefined]);
  expect(await node.stop()).toBe(0);
});
