/** Creates the keyspace. Idempotent. The caller validates the names, because DDL has no parameters. */
export function createKeyspace(name: string, replication: Readonly<Record<string, number>>): string {
  const copies = Object.entries(replication).map(([dataCenter, count]) => `'${dataCenter}': ${count}`);
  return `CREATE KEYSPACE IF NOT EXISTS ${name} WITH replication = {'class': 'NetworkTopologyStrategy', ${copies.join(', ')}}`;
}
