/** What the tree tells of an actor: its age, its last error, what its supervisor still allows, and who lost messages. */
import { expect, test } from 'vitest';
import { createTestKit } from '../../../src/kernel/testkit/index.ts';
import { type ChildSpec, supervise } from '../../../src/supervisor/index.ts';
import { actor } from './definitions.ts';

const fragile = actor<string>(() => ({
  receive(message) {
    throw new Error(message);
  },
}));

async function supervised(kit: ReturnType<typeof createTestKit>, more: Partial<ChildSpec> = {}) {
  const child: ChildSpec = { name: 'fragile', definition: fragile, restart: 'permanent', shutdownMs: 0, ...more };
  const intensity = { maxRestarts: 3, windowMs: 10_000 };
  kit.system.spawn('sup', supervise({ strategy: 'one-for-one', intensity, children: [child] }));
  await kit.settle();
  const ref = kit.system.refAt<string>('/sup/fragile');
  return { ref, row: () => kit.system.tree().find(({ path }) => path === '/sup/fragile') };
}

test('a row has the age of the present incarnation, and the last error with its time', async () => {
  const kit = createTestKit();
  const { ref, row } = await supervised(kit);
  await kit.advance(5_000);
  expect(row()).toMatchObject({ upMs: 5_000, restarts: 0, lastError: undefined, lastErrorAtMs: undefined });
  ref.tell('x'.repeat(2_000));
  const crashedAtMs = kit.clock.nowMs();
  await kit.advance(700);
  expect(row()).toMatchObject({ upMs: 700, restarts: 1, lastErrorAtMs: crashedAtMs });
  expect(row()?.lastError).toHaveLength(500);
});

test('the restarts that count are those within the window, beside how many are allowed', async () => {
  const kit = createTestKit();
  const { ref, row } = await supervised(kit);
  ref.tell('one');
  await kit.advance(6_000);
  ref.tell('two');
  await kit.advance(1);
  expect(row()?.budget).toEqual({ inWindow: 2, limit: 3 });
  await kit.advance(6_000);
  expect(row()?.budget).toEqual({ inWindow: 1, limit: 3 });
  expect(row()?.restarts).toBe(2);
});

test('a child with a budget of its own shows that one, and is shown as suspended past it', async () => {
  const kit = createTestKit();
  const { ref, row } = await supervised(kit, {
    onExhausted: 'suspend',
    intensity: { maxRestarts: 1, windowMs: 60_000 },
  });
  for (const message of ['one', 'two']) {
    ref.tell(message);
    await kit.advance(1);
  }
  expect(row()).toMatchObject({ state: 'suspended', lastError: 'two', upMs: undefined });
  expect(row()?.budget).toEqual({ inWindow: 1, limit: 1 });
});

test('lost messages are counted by reason for good, and the last 256 are kept', async () => {
  const kit = createTestKit();
  for (let n = 0; n < 300; n += 1) kit.system.refAt('/nobody').tell({ kind: 'news' });
  const ref = kit.system.spawn(
    'one',
    actor<string>(() => ({ receive: () => undefined })),
  );
  await kit.settle();
  kit.system.stop(ref);
  await kit.settle();
  ref.tell('late');
  expect(kit.system.deadLetterCounts()).toMatchObject({ no_actor: 300, stopped: 1, mailbox_full: 0 });
  expect(kit.system.deadLetters()).toHaveLength(256);
  expect(kit.system.deadLetters().at(-1)).toMatchObject({ path: '/one', reason: 'stopped', messageTag: 'string' });
});
