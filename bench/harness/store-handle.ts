/** Opens either store through its adapter, without log and metrics. So the adapter itself is measured. */
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { createSystemClock } from '../../src/adapters/system/system-clock.ts';
import type { Store } from '../../src/application/ports/store.ts';
import { noTelemetry, silentLog } from './silent.ts';

export type StoreAddress =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'cassandra';
      readonly contactPoints: readonly string[];
      readonly localDataCenter: string;
      readonly keyspace: string;
    };

export function openStoreAt(address: StoreAddress): Promise<Store> {
  const runtime = { clock: createSystemClock(), log: silentLog, telemetry: noTelemetry };
  if (address.kind === 'sqlite') return openSqliteStore({ path: address.path, ...runtime });
  const { contactPoints, localDataCenter, keyspace } = address;
  const replication = { [localDataCenter]: 1 };
  return openCassandraStore({ contactPoints, localDataCenter, keyspace, replication, ...runtime });
}
