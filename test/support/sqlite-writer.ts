/**
 * A separate process for tests: `node sqlite-writer.ts <file> <shard> <bucket>` commits groups of ten, and a list of the
 * jobs of each group after it, until it is killed.
 */
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { PartitionOwner, recordsIn, storeRuntime } from './stores.ts';

const [path = '', shard = '', bucket = ''] = process.argv.slice(2);
const partition = { shard: Number(shard), bucket: Number(bucket) };
const store = await openSqliteStore({ path, ...storeRuntime });
const owner = await PartitionOwner.take(store, partition);
// Far more than any test waits for, so that a forgotten process ends by itself.
for (let n = 0; n < 50_000; n += 1) {
  const records = recordsIn(partition, 10);
  await owner.commit(records);
  const ids = records.map(({ id }) => id);
  // The next commit does not wait for the list.
  void store.jobs.listUnfinished(partition, { commits: owner.commits, ids });
  process.stdout.write(`${JSON.stringify(ids)}\n`);
  await new Promise((resolve) => setImmediate(resolve));
}
await store.close();
