/** The audit log on which unit tests stand owes what the real ones owe. */
import { describe } from 'vitest';
import { AuditTable, createMemoryAudit } from '../support/memory-audit.ts';
import { describeAudit } from './audit-contract.ts';

describe('an audit log in memory', () => {
  const table = new AuditTable();
  const first = { audit: createMemoryAudit(table, Date.now) };
  const second = { audit: createMemoryAudit(table, Date.now) };
  describeAudit(() => ({ first, second }));
});
