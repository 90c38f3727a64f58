/**
 * A separate process for tests: `node cassandra-opener.ts <contactPoint> <dataCenter> <keyspace>` opens the store,
 * prints the cluster facts and exits.
 */
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { storeRuntime } from './stores.ts';

const [contactPoint = '', localDataCenter = '', keyspace = ''] = process.argv.slice(2);
const store = await openCassandraStore({ contactPoints: [contactPoint], localDataCenter, keyspace, ...storeRuntime });
const facts = await store.agreeFacts({ clusterId: String(process.pid), shardCount: 4 });
await store.close();
process.stdout.write(`${JSON.stringify(facts)}\n`);
