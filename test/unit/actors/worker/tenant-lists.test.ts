/** A node asks for no work of a tenant whose jobs it does not take. */
import { expect, it } from 'vitest';
import { createWorkerHarness } from '../../../support/worker-harness.ts';

it('pulls no route of such a tenant, and leaves those that it had', async () => {
  const worker = await createWorkerHarness(2);
  const need = { handler: 'test.echo', version: '1.4.0' };
  const pullers = (): string[] =>
    worker.kit.system
      .tree()
      .filter(({ kind, state }) => kind === 'puller' && state === 'running')
      .map(({ path }) => path.replace('/workers/queues/', ''));
  worker.otherTenants.add('acme');
  worker.queues.set('acme/default', 1);
  worker.waiting = [
    { tenant: 'acme', queue: 'default', messages: 3 },
    { tenant: 'acme', queue: 'default', level: 4, messages: 3 },
    { tenant: 'acme', queue: 'default', need, messages: 3 },
  ];
  await worker.kit.advance(60_000);
  expect(pullers()).toEqual(['default.default']);
  worker.otherTenants.clear();
  await worker.kit.advance(2_000);
  expect(pullers()).toHaveLength(4);
  worker.otherTenants.add('acme');
  await worker.kit.advance(2_000);
  expect(pullers()).toEqual(['default.default']);
});
