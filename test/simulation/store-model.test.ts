/** The store that the simulation runs on owes the cluster what the real ones owe it. */
import { describeStoreContract } from '../contract/store-contract.ts';
import { makeModelHarness } from '../support/simulation/store-model-harness.ts';

describeStoreContract('modelled', makeModelHarness);
