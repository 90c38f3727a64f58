import { describeStoreContract } from './store-contract.ts';
import { makeSqliteHarness } from '../support/stores.ts';

describeStoreContract('sqlite', () => makeSqliteHarness('thread'));
describeStoreContract('inline sqlite', () => makeSqliteHarness('inline'));
