/** A short hash of its arguments. */
import { createHash } from 'node:crypto';

export function fingerprint(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 10);
}
