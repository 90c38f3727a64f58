/**
 * What this process does not wait for at present, because it does not answer: the words for the row of a node. Whoever finds
 * such a thing out sets a gauge for the alerts. The words follow from these gauges, so the two cannot differ.
 */
import type { Gauge, Telemetry } from '../application/ports/runtime.ts';
import { gauges } from '../domain/measures.ts';

type Words = (value: number, labels: Readonly<Record<string, string>>) => string;

const wordsOf: ReadonlyMap<string, Words> = new Map<string, Words>([
  [gauges.shardsSilent.name, (count) => (count === 1 ? '1 shard' : `${count} shards`)],
  [gauges.gatewayStoreRests.name, () => 'store'],
  [gauges.gatewayIssuerAway.name, (_, { issuer = '' }) => `issuer ${issuer}`],
  [gauges.encryptionKeysAway.name, () => 'keys of payloads'],
]);

export interface Outages {
  /** In no order. Empty if all answer. */
  list(): readonly string[];
}

/** The same telemetry, and what its gauges say is away. */
export function watchOutages<T extends Telemetry>(telemetry: T): { readonly telemetry: T; readonly outages: Outages } {
  const away = new Map<string, string>();
  const watched = (name: string, words: Words, gauge: Gauge): Gauge => ({
    set(value, labels = {}) {
      gauge.set(value, labels);
      const key = keyOf(name, labels);
      if (value > 0) away.set(key, words(value, labels));
      else away.delete(key);
    },
    remove(labels) {
      gauge.remove(labels);
      away.delete(keyOf(name, labels));
    },
  });
  return {
    telemetry: {
      ...telemetry,
      gauge(options) {
        const gauge = telemetry.gauge(options);
        const words = wordsOf.get(options.name);
        return words === undefined ? gauge : watched(options.name, words, gauge);
      },
    },
    outages: { list: () => [...away.values()] },
  };
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return [name, ...Object.values(labels)].join(' ');
}
