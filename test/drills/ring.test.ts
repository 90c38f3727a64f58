// Two nodes of Troupe on a real ring of three Cassandras with three copies, under load: one Cassandra is killed and comes
// back, then another is killed. A quorum is two of three, so what was acknowledged while either was away must be there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadedCassandra, startLoadedCassandra } from '../support/cassandra-load.ts';
import { type CassandraRing, startCassandraRing } from '../support/cassandra-ring.ts';

const testMs = 300_000;
/** From the kill to the next submits that are answered, by all callers. */
const pauseMaxMs = 30_000;
let ring: CassandraRing;
let loaded: LoadedCassandra;

beforeAll(async () => {
  const beganMs = performance.now();
  ring = await startCassandraRing();
  process.stderr.write(`measured: a ring of three is up after ${Math.round(performance.now() - beganMs)} ms\n`);
  loaded = await startLoadedCassandra(ring, 3);
}, testMs);
afterAll(async () => {
  // Undefined where it did not come so far.
  await (loaded as LoadedCassandra | undefined)?.stop();
  await (ring as CassandraRing | undefined)?.stop();
}, testMs);

/** Kills that node of the ring; resolves with how long callers then waited for 20 answers. */
async function pauseAfterKill(node: number): Promise<number> {
  const killedMs = performance.now();
  await ring.kill(node);
  await loaded.accepted(20);
  return performance.now() - killedMs;
}

describe('on a ring of three Cassandras', () => {
  it(
    'one is killed, comes back, and another is killed, under load: submits go on, nothing acknowledged is lost',
    async () => {
      const { a, b, accepted, everythingEndedOnce } = loaded;
      await accepted(60);
      const pauses = [await pauseAfterKill(1)];
      await accepted(60);
      await ring.start(1);
      await accepted(20);
      pauses.push(await pauseAfterKill(2));
      await accepted(60);
      await everythingEndedOnce([a, b]);
      process.stderr.write(`measured: 20 submits answered ${pauses.map(Math.round).join(' and ')} ms after a kill\n`);
      expect(Math.max(...pauses)).toBeLessThan(pauseMaxMs);
    },
    testMs,
  );
});
