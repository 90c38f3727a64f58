/**
 * A Cassandra that goes away and comes back behind something that accepts connections and closes them, at every step of
 * the driver's way back. Without the guard the driver rejects promises that nobody holds and doubles its connections
 * with each outage.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStoreMeasures } from '../../src/application/storage/store-measures.ts';
import { connectCqlClient, type CqlClient } from '../../src/adapters/cassandra/cql-client.ts';
import type { CqlStatement } from '../../src/adapters/cassandra/tables/cql-statement.ts';
import { waitFor } from '../support/cluster.ts';
import { type StandInCql, startStandInCql } from '../support/stand-in-cql.ts';
import { noTelemetry, realClock, silentLog } from '../support/stores.ts';

const anything: CqlStatement = { name: 'anything', cql: 'SELECT x FROM y', mode: 'read' };
const withinMs = 20_000;
/** A way back takes 14 requests: those of the first connection, then the driver asks most of it again. */
const lastStep = 15;
/** Two of the pool and the one that the driver came back by. */
const connectionsMax = 3;

describe('the control connection of the driver', () => {
  let server: StandInCql;
  let client: CqlClient;
  const unhandled: unknown[] = [];
  const warnings: Error[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  const onWarning = (warning: Error): void => void warnings.push(warning);

  beforeEach(async () => {
    process.on('unhandledRejection', onUnhandled).on('warning', onWarning);
    server = await startStandInCql();
    const connected = await connectCqlClient({
      contactPoints: [server.address],
      localDataCenter: 'datacenter1',
      requestTimeoutMs: 200,
      measures: createStoreMeasures('cassandra', realClock, noTelemetry),
      log: silentLog,
    });
    if (connected === 'unknown-keyspace') throw new Error('there is no keyspace to miss');
    client = connected;
  });
  afterEach(async () => {
    await client.close();
    await waitFor('nothing holds a connection', () => server.open() === 0, withinMs);
    await server.close();
    process.off('unhandledRejection', onUnhandled).off('warning', onWarning);
  });

  const answers = (): Promise<true | undefined> =>
    client.rows(anything, []).then(
      () => true,
      () => undefined,
    );
  const tried = (times: number): Promise<unknown> => {
    const before = server.accepted();
    return waitFor(`${times} more connections are tried`, () => server.accepted() >= before + times, withinMs);
  };

  it('comes back from every step at which it can be cut off, alone and with as many connections as before', async () => {
    await waitFor('the store answers', answers, withinMs);
    for (let step = 1; step <= lastStep; step++) {
      server.refuse();
      server.drop();
      await tried(2);
      server.closeAt(step);
      await tried(2);
      server.serve();
      await waitFor(`the store answers after step ${step}`, answers, withinMs);
      await waitFor('the rest is closed', () => server.open() <= connectionsMax, withinMs);
    }
    expect(unhandled).toEqual([]);
    expect(warnings).toEqual([]);
  });
});
