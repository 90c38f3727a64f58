/** What is recorded of who did what. */
import { z } from 'zod';
import { key, wholeNumber } from './schema-key.ts';

const dayMs = 24 * 3_600_000;
/** Seven years. */
const retentionMaxDays = 2_557;

export const auditSection = z.strictObject({
  required: key(z.enum(['admin', 'all']).default('admin'), {
    meaning:
      'Calls that are refused while they cannot be recorded: those that change queues, accounts, tenants or the cluster (`admin`), or `all` that are recorded.',
    consequence:
      'With `admin`, jobs can be cancelled and retried while the audit log cannot be written; the gap is counted and logged. With `all`, each of these calls waits for two writes instead of one.',
  }),
  submits: key(z.boolean().default(false), {
    meaning: 'Whether submits are recorded, too.',
    consequence: 'Each submit waits for one more write of the store.',
  }),
  reads: key(z.enum(['none', 'people', 'all']).default('people'), {
    meaning:
      'Whose reads of payloads and logs are recorded: `people` are holders of tokens of an issuer, and operators; `all` includes service accounts.',
    consequence: 'Programs that fetch many outputs write two rows for each with `all`.',
  }),
  retentionMs: key(wholeNumber(dayMs, retentionMaxDays * dayMs).default(400 * dayMs), {
    meaning: 'How long entries of the audit log are kept after the end of their UTC day. At most seven years.',
    unit: 'ms',
    consequence: 'Some hundred bytes each. It counts for new entries; those that exist keep theirs.',
  }),
});
