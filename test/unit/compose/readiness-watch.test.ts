/** `troupe_ready`: 0 is an alarm, so a process that ends in order does not show it, however long its runs take. */
import { expect, it } from 'vitest';
import { createTestKit } from '../../../src/kernel/testkit/index.ts';
import { endsInOrder, ReadinessWatch } from '../../../src/compose/readiness-watch.ts';
import { silentLog } from '../../support/stores.ts';

it.each([
  ['nothing is wrong', [], 1],
  ['something is', ['NATS does not answer'], 0],
  ['it ends in order', [endsInOrder], 1],
  ['it ends, and something is wrong', [endsInOrder, 'NATS does not answer'], 0],
])('is told while %s', async (_what, reasons, value) => {
  const kit = createTestKit({});
  const told: number[] = [];
  const telemetry = {
    ...kit.telemetry,
    gauge: () => ({ set: (given: number) => told.push(given), remove: () => undefined }),
  };
  const readiness = (): Promise<{ ready: boolean; reasons: string[] }> =>
    Promise.resolve({ ready: reasons.length === 0, reasons: [...reasons] });
  const watch = new ReadinessWatch({ readiness, clock: kit.clock, log: silentLog, telemetry });
  await kit.advance(2_000);
  watch.close();
  expect(told.at(-1)).toBe(value);
});
