/** Queue numbers are issued once, changes are compare-and-set, the first facts win. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { maxQueueNo } from '../../src/domain/job-id.ts';
import { defaultQueueSettings, type QueueSettings } from '../../src/domain/queue.ts';
import type { StoreUnderTest } from '../support/stores.ts';

function queueNamed(tenant: string, name: string) {
  return { tenant, name, settings: defaultQueueSettings, nowMs: Date.now() };
}

function lasting(executionTimeoutMs: number): QueueSettings {
  return { ...defaultQueueSettings, executionTimeoutMs };
}

export function describeQueuesAndFacts(use: () => StoreUnderTest): void {
  describe('queues', () => {
    it('are created once, found by name, and numbered', async () => {
      const { first, second } = use();
      const tenant = randomUUID();
      const input = queueNamed(tenant, 'images');
      const created = await first.queues.createQueue(input);
      expect(created).toEqual({
        outcome: 'created',
        queue: {
          tenant,
          name: 'images',
          queueNo: created.queue.queueNo,
          settings: defaultQueueSettings,
          version: 1,
          createdAtMs: input.nowMs,
          updatedAtMs: input.nowMs,
        },
      });
      expect(created.queue.queueNo).toBeGreaterThanOrEqual(1);
      expect(created.queue.queueNo).toBeLessThanOrEqual(maxQueueNo);
      const again = await second.queues.createQueue({ ...input, settings: lasting(1), nowMs: 1 });
      expect(again).toEqual({ outcome: 'exists', queue: created.queue });
      expect(await second.queues.findQueue(tenant, 'images')).toEqual(created.queue);
      expect(await second.queues.findQueue(tenant, 'other')).toBeUndefined();
      expect(await second.queues.findQueue(randomUUID(), 'images')).toBeUndefined();
    });

    it('get different numbers when many are created at once, and one name has one creator', async () => {
      const { first, second } = use();
      const tenant = randomUUID();
      const names = Array.from({ length: 12 }, (_, n) => `queue-${String(n % 6)}`);
      const outcomes = await Promise.all(
        names.map((name, n) => (n % 2 === 0 ? first : second).queues.createQueue(queueNamed(tenant, name))),
      );
      expect(outcomes.filter((one) => one.outcome === 'created')).toHaveLength(6);
      expect(new Set(outcomes.map((one) => one.queue.queueNo)).size).toBe(6);
      const elsewhere = await first.queues.createQueue(queueNamed(randomUUID(), 'queue-0'));
      expect(elsewhere.outcome).toBe('created');
      expect(outcomes.map((one) => one.queue.queueNo)).not.toContain(elsewhere.queue.queueNo);
    });

    it('are listed by name, of one tenant or of all', async () => {
      const { first, second } = use();
      const [tenant, other] = [`a-${randomUUID()}`, `b-${randomUUID()}`];
      for (const name of ['m', 'b', 'z']) await first.queues.createQueue(queueNamed(tenant, name));
      await first.queues.createQueue(queueNamed(other, 'a'));
      expect((await second.queues.listQueues(tenant)).map((queue) => queue.name)).toEqual(['b', 'm', 'z']);
      const all = (await second.queues.listQueues()).filter((queue) => [tenant, other].includes(queue.tenant));
      expect(all.map((queue) => `${queue.tenant}/${queue.name}`)).toEqual([
        `${tenant}/b`,
        `${tenant}/m`,
        `${tenant}/z`,
        `${other}/a`,
      ]);
    });

    it('change only under the version that the caller saw', async () => {
      const { first, second } = use();
      const [tenant, name] = [randomUUID(), 'work'];
      const { queue } = await first.queues.createQueue(queueNamed(tenant, name));
      const change = { tenant, name, expectedVersion: 1, nowMs: queue.createdAtMs + 5 };
      const outcomes = await Promise.all([
        first.queues.updateQueue({ ...change, settings: lasting(1_000) }),
        second.queues.updateQueue({ ...change, settings: lasting(2_000) }),
      ]);
      expect(outcomes.map((one) => one.outcome).toSorted()).toEqual(['conflict', 'updated']);
      const present = await first.queues.findQueue(tenant, name);
      expect(present).toMatchObject({ version: 2, queueNo: queue.queueNo, updatedAtMs: queue.createdAtMs + 5 });
      for (const one of outcomes) expect(one.queue).toEqual(present);
      const missing = await first.queues.updateQueue({ ...change, name: 'none', settings: lasting(1) });
      expect(missing).toEqual({ outcome: 'missing' });
    });
  });

  describe('the facts of a cluster', () => {
    it('are those of whoever came first, for everyone', async () => {
      const { first, second, harness } = use();
      const third = await harness.open();
      const agreed = await Promise.all(
        [first, second, third, first].map((store, n) =>
          store.agreeFacts({ clusterId: `cluster-${String(n)}`, shardCount: 4 + n }),
        ),
      );
      expect(new Set(agreed.map((facts) => JSON.stringify(facts))).size).toBe(1);
      const facts = agreed[0];
      expect(facts?.shardCount).toBe(4 + Number(facts?.clusterId.slice('cluster-'.length)));
      expect(await second.agreeFacts({ clusterId: 'late', shardCount: 99 })).toEqual(facts);
    });
  });

  describe('a client', () => {
    it('answers a ping, and nothing once it is closed', async () => {
      const store = await use().harness.open();
      await store.ping(5_000);
      await store.close();
      await store.close();
      await expect(store.ping(5_000)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      await expect(store.jobs.takeShard(1, 'late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    });
  });
}
