/** What a cluster is created with: the number of its shards is fixed then, whatever a process says later. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClusterFacts } from '../../src/application/ports/store.ts';
import { createRuntime } from '../../src/compose/runtime.ts';
import { openStore } from '../../src/compose/store.ts';
import { loadConfig } from '../../src/config/index.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'troupe-facts-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

async function factsWith(flags: Readonly<Record<string, unknown>>): Promise<ClusterFacts> {
  const config = loadConfig({ flags: { dataDir, 'log.level': 'silent', ...flags } });
  const { store, facts } = await openStore(config, createRuntime(config, 'n1'));
  await store.close();
  return facts;
}

it('has eight shards on a new embedded store, and keeps them', async () => {
  const created = await factsWith({});
  expect(created.shardCount).toBe(8);
  expect(await factsWith({ 'shards.count': 16 })).toEqual(created);
});

it('has as many shards as it is created with, also for who does not say', async () => {
  const created = await factsWith({ 'shards.count': 16 });
  expect(created.shardCount).toBe(16);
  expect(await factsWith({})).toEqual(created);
});
