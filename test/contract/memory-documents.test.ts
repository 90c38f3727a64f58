/** The documents on which unit tests stand owe what the real ones owe. */
import { describe } from 'vitest';
import { createMemoryDocuments, DocumentTable } from '../support/memory-documents.ts';
import { describeDocuments } from './document-contract.ts';

describe('documents in memory', () => {
  const table = new DocumentTable();
  const first = { documents: createMemoryDocuments(table) };
  const second = { documents: createMemoryDocuments(table) };
  describeDocuments(() => ({ first, second }));
});
