// Numbers of 64 bits in JSON: text that is far too long for one is refused with its place, before the library reads it.
import { describe, expect, it } from 'vitest';
import { loadJsonContract, UnreadableJson } from '../../../src/contract/json-methods.ts';

const contract = loadJsonContract();
const endless = '7'.repeat(65);

function refusalOf(path: string, request: unknown): unknown {
  try {
    contract.methods.get(path)?.requestBytes(JSON.stringify(request));
    return undefined;
  } catch (error) {
    return error instanceof UnreadableJson ? error.violations() : error;
  }
}

describe('a number of 64 bits', () => {
  it.each([
    ['/troupe.v1.Queues/CreateQueue', { settings: { maxBytes: endless } }, 'settings.max_bytes'],
    ['/troupe.v1.Queues/CreateQueue', { settings: { max_bytes: endless } }, 'settings.max_bytes'],
    ['/troupe.v1.Tenants/CreateTenant', { quotas: { storedBytes: endless } }, 'quotas.stored_bytes'],
    ['/troupe.v1.Audit/VerifyAudit', { heads: [{ rows: '1' }, { rows: endless }] }, 'heads.rows'],
    ['/troupe.v1.Jobs/DownloadPayload', { offset: endless }, 'offset'],
  ])('of %s that is far too long is refused: %j', (path, request, field) => {
    expect(refusalOf(path, request)).toEqual([
      { field, description: 'must be a whole number of 64 bits, in at most 64 signs' },
    ]);
  });

  it('may begin with zeros, and other text may be digits', () => {
    expect(refusalOf('/troupe.v1.Jobs/DownloadPayload', { offset: '7'.padStart(64, '0') })).toBeUndefined();
    expect(refusalOf('/troupe.v1.Queues/CreateQueue', { name: endless })).toBeUndefined();
  });
});
