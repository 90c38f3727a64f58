/**
 * A cache of ended jobs. They change only when their payloads are erased, and then the entry is replaced. An entry
 * leaves by age, or, oldest first, when the cache is full. node-cache limits age and number; bytes are counted here.
 */
import NodeCache from 'node-cache';
import { jsonBytes } from '../application/protocol/json-bytes.ts';
import type { JobCache } from '../application/ports/job-cache.ts';
import type { Telemetry } from '../application/ports/runtime.ts';
import { isTerminal, type JobRecord } from '../domain/job.ts';
import { counters } from '../domain/measures.ts';
import { goneAtMs } from '../domain/record-life.ts';

export interface JobCacheOptions {
  readonly telemetry: Telemetry;
  /** Age limit in ms, never longer than the job is kept. Default: 10 minutes. */
  readonly ttlMs?: number;
  /** Number limit. Default: 50,000. */
  readonly maxJobs?: number;
  /** Limit of the records as JSON, in bytes. Default: 64 MiB. */
  readonly maxBytes?: number;
  /** Epoch ms. */
  readonly nowMs: () => number;
}

interface Entry {
  readonly record: JobRecord;
  readonly bytes: number;
}

export interface ClosableJobCache extends JobCache {
  readonly bytes: () => number;
  /** Stops the sweep of expired entries. */
  close(): void;
}

const sweepSeconds = 60;

export function createJobCache(options: JobCacheOptions): ClosableJobCache {
  const ttlMs = options.ttlMs ?? 600_000;
  const maxJobs = options.maxJobs ?? 50_000;
  const maxBytes = options.maxBytes ?? 64 * 1_048_576;
  const cache = new NodeCache({ useClones: false, checkperiod: sweepSeconds, deleteOnExpire: true });
  const requests = options.telemetry.counter({
    ...counters.cacheRequests,
    help: 'Lookups in a cache of the gateway, by result.',
  });
  /** Bytes by id, in the order of insertion. */
  const order = new Map<string, number>();
  let bytes = 0;

  cache.on('del', (id: string) => {
    bytes -= order.get(id) ?? 0;
    order.delete(id);
  });

  function add(record: JobRecord): void {
    const entry = { record, bytes: jsonBytes(record) };
    const leftMs = Math.min(ttlMs, goneAtMs(record) - options.nowMs());
    if (!isTerminal(record.state) || leftMs <= 0 || entry.bytes > maxBytes || order.has(record.id)) return;
    cache.set(record.id, entry, leftMs / 1_000);
    order.set(record.id, entry.bytes);
    bytes += entry.bytes;
    for (const id of order.keys()) {
      if (bytes <= maxBytes && order.size <= maxJobs) break;
      cache.del(id);
    }
  }

  return {
    get(id) {
      const entry = cache.get<Entry>(id);
      requests.add(1, { cache: 'jobs', result: entry ? 'hit' : 'miss' });
      return entry?.record;
    },
    put: add,
    replace(record) {
      cache.del(record.id);
      add(record);
    },
    bytes: () => bytes,
    close: () => cache.close(),
  };
}
