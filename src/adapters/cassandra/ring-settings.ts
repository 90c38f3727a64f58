/**
 * Checks settings of the ring on which this store's speed or correctness depends. Logs deviations once, at the start.
 */
import type { Logger } from '../../application/ports/runtime.ts';
import type { CqlClient } from './cql-client.ts';
import { readSettings } from './tables/ring.ts';

interface Expectation {
  readonly holds: (value: string) => boolean;
  readonly why: string;
}

const expectations = new Map<string, Expectation>(
  Object.entries({
    paxos_variant: {
      holds: (value) => value === 'v2',
      why: 'v1 needs twice the round trips per group commit',
    },
    user_timestamps_enabled: {
      holds: (value) => value === 'true',
      why: 'keys, watermarks and open buckets are fenced by their timestamps, and writing them will fail',
    },
    commitlog_sync: {
      holds: (value) => value !== 'periodic',
      why: 'acknowledged commits may be lost when all replicas lose power within 10 s; group or batch keeps them',
    },
  }),
);

export async function warnAboutSettings(client: Pick<CqlClient, 'rows'>, log: Logger): Promise<void> {
  let rows: readonly { readonly name: string; readonly value: string | null }[];
  try {
    rows = await client.rows(readSettings, []);
  } catch (error) {
    // Other servers of the protocol do not have this table, or only operators may read it.
    log.debug({ err: error }, 'settings of the ring cannot be read');
    return;
  }
  for (const { name, value } of rows) {
    const expectation = expectations.get(name);
    if (expectation === undefined || value === null || expectation.holds(value)) continue;
    log.warn({ setting: name, value, why: expectation.why }, 'setting of the ring differs from the recommended one');
  }
}
