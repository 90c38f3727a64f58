/**
 * How long a nats-server may keep confirmed messages in memory before it syncs them (`sync_interval`). The server does
 * not report its value. So the configuration states it; otherwise a server that was started here has the value below,
 * and any other has the default of nats-server.
 */
import type { Config } from '../config/index.ts';

const ownSyncIntervalMs = 10_000;
const untoldSyncIntervalMs = 120_000;

type NatsConfig = Pick<Config['nats'], 'servers' | 'syncIntervalMs'>;

/** The interval of the servers to which this process is connected, ms. */
export function natsSyncMs({ syncIntervalMs, servers }: NatsConfig): number {
  return syncIntervalMs ?? (servers.length === 0 ? ownSyncIntervalMs : untoldSyncIntervalMs);
}

/** The setting for a server that is started or configured here. */
export function ownSyncInterval({ syncIntervalMs = ownSyncIntervalMs }: Pick<NatsConfig, 'syncIntervalMs'>): string {
  return syncIntervalMs === 0 ? 'always' : `${syncIntervalMs}ms`;
}
