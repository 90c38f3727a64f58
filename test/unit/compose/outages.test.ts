// What a process does not wait for, by the gauges that say so.
import { expect, it } from 'vitest';
import { createPrometheusTelemetry } from '../../../src/adapters/telemetry/prometheus.ts';
import { watchOutages } from '../../../src/compose/outages.ts';
import { gauges } from '../../../src/domain/measures.ts';

it('names what is away, and forgets it when it answers', async () => {
  const { telemetry, outages } = watchOutages(createPrometheusTelemetry());
  const gauge = (name: 'shardsSilent' | 'gatewayStoreRests' | 'gatewayIssuerAway' | 'encryptionKeysAway') =>
    telemetry.gauge({ ...gauges[name], help: 'of the test' });
  gauge('shardsSilent').set(0);
  gauge('gatewayIssuerAway').set(0, { issuer: 'corp' });
  expect(outages.list()).toEqual([]);
  gauge('gatewayIssuerAway').set(1, { issuer: 'corp' });
  gauge('gatewayIssuerAway').set(1, { issuer: 'partner' });
  gauge('gatewayStoreRests').set(1);
  gauge('encryptionKeysAway').set(1);
  gauge('shardsSilent').set(1);
  expect([...outages.list()].sort()).toEqual(['1 shard', 'issuer corp', 'issuer partner', 'keys of payloads', 'store']);
  gauge('shardsSilent').set(3);
  gauge('gatewayIssuerAway').set(0, { issuer: 'corp' });
  gauge('gatewayStoreRests').set(0);
  gauge('encryptionKeysAway').set(0);
  expect([...outages.list()].sort()).toEqual(['3 shards', 'issuer partner']);
  // What is scraped is what was set.
  expect(await telemetry.metricsText()).toMatch(/troupe_shards_silent 3\n/);
});

it('leaves other gauges alone', () => {
  const { telemetry, outages } = watchOutages(createPrometheusTelemetry());
  telemetry.gauge({ ...gauges.ready, help: 'of the test' }).set(1);
  expect(outages.list()).toEqual([]);
});
