/** `system_views.settings`: a virtual table in which the coordinator describes itself. */
import type { CqlStatement } from './cql-statement.ts';

/** Settings of a single node. Idempotent. */
export const readSettings: CqlStatement<{ readonly name: string; readonly value: string | null }> = {
  name: 'read_settings',
  cql: `SELECT name, value FROM system_views.settings WHERE name IN ('paxos_variant', 'user_timestamps_enabled', 'commitlog_sync')`,
  mode: 'nodeRead',
};
