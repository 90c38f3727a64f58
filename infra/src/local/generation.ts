/**
 * Makes a dead process visible to terraform. While the deployed process lives, its generation is that of its pid file,
 * which is also in the state, so nothing changes. If it is dead, the generation is new, so terraform replaces this
 * process only.
 */
import { randomUUID } from 'node:crypto';
import { readRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';
import { isAlive } from './process-table.ts';

export function generationOf({ name, dataDir, mark, readiness }: ProcessSpec): string {
  const record = readRecord(dataDir, name);
  if (record === undefined) return randomUUID();
  // A command that ended successfully cannot die.
  const stands = readiness.kind === 'exit' || (record.pid !== undefined && isAlive(record.pid, mark));
  return stands ? record.generation : randomUUID();
}
