/** The keyspace, and whether it and its first table are there: answered by any node from its own memory. */
import type { CqlStatement } from '../cql-statement.ts';

export function createKeyspace(name: string, replication: Readonly<Record<string, number>>): string {
  const copies = Object.entries(replication).map(([dataCenter, count]) => `'${dataCenter}': ${String(count)}`);
  return `CREATE KEYSPACE IF NOT EXISTS ${name} WITH replication = {'class': 'NetworkTopologyStrategy', ${copies.join(', ')}}`;
}

export const readKeyspace: CqlStatement = {
  name: 'read_keyspace',
  cql: `SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?`,
  mode: 'nodeRead',
};

export const readTable: CqlStatement = {
  name: 'read_table',
  cql: `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?`,
  mode: 'nodeRead',
};
