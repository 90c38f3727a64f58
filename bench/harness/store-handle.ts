/** Opens either store through its adapter, without log and measures: what the adapter can do is the limit. */
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { createSystemClock } from '../../src/adapters/system/system-clock.ts';
import type { Logger, Telemetry } from '../../src/application/ports/runtime.ts';
import type { Store } from '../../src/application/ports/store.ts';

export type StoreAddress =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'cassandra';
      readonly contactPoints: readonly string[];
      readonly localDataCenter: string;
      readonly keyspace: string;
    };

const nothing = (): void => undefined;
export const silentLog: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
};
const noTelemetry: Telemetry = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing }),
  histogram: () => ({ observe: nothing }),
};

export function openStoreAt(address: StoreAddress): Promise<Store> {
  const runtime = { clock: createSystemClock(), log: silentLog, telemetry: noTelemetry };
  if (address.kind === 'sqlite') return openSqliteStore({ path: address.path, ...runtime });
  const { contactPoints, localDataCenter, keyspace } = address;
  const replication = { [localDataCenter]: 1 };
  return openCassandraStore({ contactPoints, localDataCenter, keyspace, replication, ...runtime });
}
