/** What can be asked of the audit log. */
import { createExportRows, type ExportRows } from './export-rows.ts';
import { createListEntries, type ListEntries, type ListParts } from './list-entries.ts';
import { createVerifyDay, type VerifyDay } from './verify-day.ts';

export interface ReadAudit {
  readonly list: ListEntries;
  readonly export: ExportRows;
  readonly verify: VerifyDay;
}

export function createReadAudit(parts: ListParts): ReadAudit {
  return { list: createListEntries(parts), export: createExportRows(parts), verify: createVerifyDay(parts) };
}
