/** A client that behaves well, in a process of its own: one submit or read after the other. Says how each went when asked. */
import { connect } from '../../src/client/index.ts';

const client = connect({ address: process.argv[2] ?? '', retry: { maxAttempts: 1 }, coalesce: false });
let calls = { durationsMs: [] as number[], failures: [] as string[] };
process.on('message', () => {
  process.send?.(calls);
  calls = { durationsMs: [], failures: [] };
});
process.once('disconnect', () => process.exit(0));
for (;;) {
  const startedAtMs = performance.now();
  try {
    const { jobId } = await client.submit('test.echo', 1);
    await client.get(jobId);
  } catch (error) {
    calls.failures.push(String(error));
  }
  calls.durationsMs.push(performance.now() - startedAtMs);
}
