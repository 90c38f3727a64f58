/**
 * `cdktf deploy local`, for real: nats-server, Cassandra, schema, two nodes and a gateway come up; a job goes through; a
 * second deploy changes nothing; what is killed is healed, and nothing else is touched; destroy leaves no process.
 * The steps build on each other: one cluster goes through its life.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../../src/local/process-table.ts';
import { createLocalDeployment, type LocalDeployment } from './local-deployment.ts';

const everybody = ['cassandra', 'gateway', 'nats', 'node-1', 'node-2'];
let local: LocalDeployment;

beforeAll(async () => {
  local = await createLocalDeployment({ nodes: 2, threadsPerNode: 1, cassandraHeapMb: 512, drainSeconds: 5 });
});
afterAll(() => {
  // Only after a failure; the last step has found none.
  for (const { pid } of local.processes()) process.kill(pid, 'SIGKILL');
  local.remove();
});

async function deploy(): Promise<string> {
  const { code, text } = await local.cdktf('deploy');
  expect(code, text).toBe(0);
  return text;
}

async function expectJobDone(): Promise<void> {
  const input = JSON.stringify({ x: -0.74, y: 0.13, scale: 0.01, width: 60, height: 40, maxIterations: 200 });
  const address = `127.0.0.1:${local.ports.gateway}`;
  const { code, text } = await local.troupe('submit', 'fractal.render', input, '--wait', '--address', address);
  expect(code, text).toBe(0);
  expect(text).toContain('SUCCEEDED');
}

describe('cdktf deploy local', () => {
  it('brings a cluster up, says where it is, and a job goes through it', async () => {
    const text = await deploy();
    expect(text).toContain('Resources: 7 added, 0 changed, 0 destroyed');
    expect(text).toContain(`gateway = "127.0.0.1:${local.ports.gateway}"`);
    expect(Object.keys(local.pids()).sort()).toEqual(everybody);
    await expectJobDone();
  });

  it('changes nothing the second time', async () => {
    const before = local.pids();
    expect(await deploy()).toContain('No changes.');
    expect(local.pids()).toEqual(before);
  });

  it.each(['nats', 'node-1', 'cassandra', 'gateway'])(
    'heals %s after a kill -9, and touches no other',
    async (name) => {
      const before = local.pids();
      const { [name]: pid = 0, ...others } = before;
      process.kill(pid, 'SIGKILL');
      const text = await deploy();
      expect(text).toContain('Resources: 1 added, 0 changed, 1 destroyed');
      const { [name]: healed = 0, ...after } = local.pids();
      expect(after).toEqual(others);
      expect(healed).not.toBe(pid);
      for (const each of Object.values(local.pids())) expect(isAlive(each, local.dataDir)).toBe(true);
      await expectJobDone();
    },
  );

  it('stops a node that the environment has no more', async () => {
    const { 'node-2': gone = 0, ...others } = local.pids();
    local.configure({ nodes: 1 });
    expect(await deploy()).toContain('Resources: 0 added, 0 changed, 1 destroyed');
    expect(local.pids()).toEqual(others);
    expect(isAlive(gone, local.dataDir)).toBe(false);
    await expectJobDone();
  });

  it('is destroyed in reverse order, and leaves no process', async () => {
    const { code, text } = await local.cdktf('destroy');
    expect(code, text).toBe(0);
    const order = [...text.matchAll(/([\w-]+): stopped \(process/g)].map(([, name]) => name);
    expect(order.slice(0, 2), text).toEqual(['gateway', 'node-1']);
    expect(order.slice(2).sort()).toEqual(['cassandra', 'nats']);
    expect(text).not.toContain('it is killed');
    expect(local.processes()).toEqual([]);
  });
});
