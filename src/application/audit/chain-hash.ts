/** The hashes that hold a chain together. Anyone can compute them from exported entries. */
import { createHash } from 'node:crypto';
import type { AuditDay } from '../ports/audit-store.ts';

/** What stands before the first row. It names the chain, so that no chain can be shown as another one. */
export function chainStart({ scope, day }: AuditDay, writer: string): string {
  return digest(JSON.stringify(['troupe-audit', scope, day, writer]));
}

export function chainHash(previous: string, entry: string): string {
  return digest(`${previous}\n${entry}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
