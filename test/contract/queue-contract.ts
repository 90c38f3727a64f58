/** Queues: numbers are issued once, changes are compare-and-set, and the first facts win. */
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
      const names = Array.from({ length: 12 }, (_, n) => `queue-${n % 6}`);
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

  describe('the removal of a queue', () => {
    async function closing(name: string) {
      const tenant = randomUUID();
      const { queue } = await use().first.queues.createQueue(queueNamed(tenant, name));
      return { tenant, name, queueNo: queue.queueNo, version: queue.version };
    }

    it('is noted until it is taken back, each version for itself', async () => {
      const { first, second } = use();
      const one = await closing('noted');
      const other = { ...one, version: 2 };
      for (const note of [one, other, one]) await first.queues.closeQueue(note, Date.now());
      const noted = async () =>
        (await second.queues.closedQueues(Date.now())).filter((it) => it.queueNo === one.queueNo);
      expect((await noted()).toSorted((a, b) => a.version - b.version)).toEqual([one, other]);
      await second.queues.openQueue(one);
      await second.queues.openQueue(one);
      expect(await noted()).toEqual([other]);
    });

    it('takes the queue away at that version alone, and its number is not issued again', async () => {
      const { first, second } = use();
      const one = await closing('going');
      const { tenant, name, queueNo } = one;
      const change = { tenant, name, settings: lasting(7), nowMs: Date.now() };
      await first.queues.updateQueue({ ...change, expectedVersion: 1 });
      expect(await second.queues.removeQueue(one)).toBe('conflict');
      expect(await second.queues.findQueue(tenant, name)).toMatchObject({ version: 2 });
      const outcomes = await Promise.all(
        [first, second].map(({ queues }) => queues.removeQueue({ ...one, version: 2 })),
      );
      expect(outcomes).toContain('removed');
      expect(await first.queues.findQueue(tenant, name)).toBeUndefined();
      expect(await second.queues.listQueues(tenant)).toEqual([]);
      expect(await second.queues.updateQueue({ ...change, expectedVersion: 2 })).toEqual({ outcome: 'missing' });
      const again = await second.queues.createQueue(queueNamed(tenant, name));
      expect(again).toMatchObject({ outcome: 'created', queue: { version: 1 } });
      expect(again.queue.queueNo).toBeGreaterThan(queueNo);
      // Removing the first queue does not affect the second.
      expect(await first.queues.removeQueue({ ...one, version: 1 })).toBe('missing');
      expect(await first.queues.findQueue(tenant, name)).toEqual(again.queue);
    });

    it('meets a change of the queue: one of them fails', async () => {
      const { first, second } = use();
      const one = await closing('raced');
      const { tenant, name } = one;
      const [removed, updated] = await Promise.all([
        first.queues.removeQueue(one),
        second.queues.updateQueue({ tenant, name, settings: lasting(9), expectedVersion: 1, nowMs: Date.now() }),
      ]);
      const isGone = (await first.queues.findQueue(tenant, name)) === undefined;
      expect([removed, updated.outcome]).toEqual(isGone ? ['removed', 'missing'] : ['conflict', 'updated']);
    });
  });

  describe('the facts of a cluster', () => {
    it('are those of whoever came first, for everyone', async () => {
      const { first, second, harness } = use();
      const third = await harness.open();
      const agreed = await Promise.all(
        [first, second, third, first].map((store, n) =>
          store.agreeFacts({ clusterId: `cluster-${n}`, shardCount: 4 + n }),
        ),
      );
      expect(new Set(agreed.map((facts) => JSON.stringify(facts))).size).toBe(1);
      const facts = agreed[0];
      expect(facts?.shardCount).toBe(4 + Number(facts?.clusterId.slice('cluster-'.length)));
      expect(await second.agreeFacts({ clusterId: 'late', shardCount: 99 })).toEqual(facts);
    });

    it('and the note that large payloads have a place stay, whoever notes it and however often', async () => {
      const { first, second, harness } = use();
      const facts = await first.agreeFacts({ clusterId: 'whoever', shardCount: 4 });
      expect(await second.objectsMark.isNoted()).toBe(false);
      await Promise.all([first, second, first].map((store) => store.objectsMark.note()));
      const third = await harness.open();
      for (const store of [first, second, third]) expect(await store.objectsMark.isNoted()).toBe(true);
      expect(await third.agreeFacts({ clusterId: 'late', shardCount: 99 })).toEqual(facts);
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
