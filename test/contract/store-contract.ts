/**
 * The contract of every store. Each adapter runs it against the real database. Several clients on the same data act as
 * the processes of a cluster. No test knows which adapter it runs on.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import type { StoreHarness, StoreUnderTest } from '../support/stores.ts';
import { describeAudit, describeAuditExpiry } from './audit-contract.ts';
import { describeDocuments, describeLostDocuments } from './document-contract.ts';
import { describeExpiry } from './expiry-contract.ts';
import { describeFencing } from './fencing-contract.ts';
import { describeFindJobs } from './find-jobs-contract.ts';
import { describeRecovery } from './recovery-contract.ts';
import { describeGroups } from './group-contract.ts';
import { describeKeys } from './key-contract.ts';
import { describeKept } from './kept-contract.ts';
import { describeListing } from './listing-contract.ts';
import { describePayloads } from './payload-contract.ts';
import { describeQueuesAndFacts } from './queue-contract.ts';
import { describeUnfinishedLists } from './unfinished-list-contract.ts';

export function describeStoreContract(name: string, make: () => StoreHarness | Promise<StoreHarness>): void {
  describe(`${name} store`, () => {
    let current: StoreUnderTest | undefined;
    const use = (): StoreUnderTest => {
      if (current === undefined) throw new Error('the store was not opened');
      return current;
    };
    beforeAll(async () => {
      const harness = await make();
      current = { harness, first: await harness.open(), second: await harness.open() };
    });
    afterAll(async () => {
      await current?.harness.dispose();
    });
    describeFencing(use);
    describeGroups(use);
    describeKeys(use);
    describeFindJobs(use);
    describeRecovery(use);
    describeUnfinishedLists(use);
    describeKept(use);
    describeListing(use);
    describeExpiry(use);
    describePayloads(use);
    describeDocuments(use);
    describeLostDocuments(use);
    describeAudit(use);
    describeAuditExpiry(use);
    describeQueuesAndFacts(use);
  });
}
