/** Prints, as JSON, the heap of a waiting job of a shard in bytes, and the estimate. For `node --expose-gc FILE KIND`. */
import type { JobSpec } from '../../src/domain/job.ts';
import { createShardHarness } from './shard-harness.ts';
import { testSpec } from './jobs.ts';

const jobs = 10_000;
/** As many as come in one request, so that no limit of the shard refuses them. */
const together = 200;

const overrides: Readonly<Record<string, (n: number) => Partial<JobSpec>>> = {
  bare: () => ({}),
  input: (n) => ({ input: { kind: 'json', json: JSON.stringify('x'.repeat(990) + String(n)) } }),
  labels: (n) => ({
    labels: Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`label-${k}`, `value-${n}-${k}`])),
    concurrencyKey: `concurrency-${n % 10}`,
    fairnessKey: `fairness-${n % 10}`,
    traceparent: `00-${String(n).padStart(32, '0')}-00f067aa0ba902b7-01`,
  }),
};

const kind = overrides[process.argv[2] ?? ''];
if (kind === undefined) throw new Error(`one of: ${Object.keys(overrides).join(', ')}`);
const shard = await createShardHarness({ backlogMax: 2 * jobs });
await shard.start();
shard.rules.set('default', { paused: true });

/** As it comes from a gateway: no text is shared with another job. */
const itemOf = (n: number): { spec: JobSpec } => ({ spec: JSON.parse(JSON.stringify(testSpec(kind(n)))) as JobSpec });

async function submit(from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n += together) {
    const items = Array.from({ length: together }, (_, k) => itemOf(n + k));
    await shard.kit.outcome(shard.sendAll('submit', items), 60_000);
    shard.events.length = 0;
  }
  // Until JetStream has all events on its disk.
  await shard.kit.advance(60_000);
  shard.events.length = 0;
}

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

await submit(0, 1_000);
const before = { heap: heapBytes(), estimated: shard.memory.usedBytes };
await submit(1_000, jobs);
const heap = (heapBytes() - before.heap) / jobs;
const estimated = (shard.memory.usedBytes - before.estimated) / jobs;
process.stdout.write(JSON.stringify({ heap: Math.round(heap), estimated: Math.round(estimated) }));
await shard.close();
