/**
 * How long a nats-server may keep what it has confirmed in memory alone (`sync_interval`). It tells nobody, so it is said
 * in the configuration; else one that was started here does what it was told, and any other what nats-server does untold.
 */
import type { Config } from '../config/index.ts';

const ownSyncIntervalMs = 10_000;
const untoldSyncIntervalMs = 120_000;

type NatsConfig = Pick<Config['nats'], 'servers' | 'syncIntervalMs'>;

/** Of the servers that this process is connected to. */
export function natsSyncMs({ syncIntervalMs, servers }: NatsConfig): number {
  return syncIntervalMs ?? (servers.length === 0 ? ownSyncIntervalMs : untoldSyncIntervalMs);
}

/** What a server that is started or configured here is told. */
export function ownSyncInterval({ syncIntervalMs = ownSyncIntervalMs }: Pick<NatsConfig, 'syncIntervalMs'>): string {
  return syncIntervalMs === 0 ? 'always' : `${syncIntervalMs}ms`;
}
