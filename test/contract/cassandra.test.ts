import { inject } from 'vitest';
import { makeCassandraHarness } from '../support/cassandra-stores.ts';
import { describeStoreContract } from './store-contract.ts';

describeStoreContract('cassandra', () => makeCassandraHarness(inject('cassandra')));
