/**
 * How terraform sees a process that is dead: while the one that was deployed lives, its generation is the one in its pid
 * file, which the state has, too, and nothing changes. When it is dead the generation is a new one: it alone is replaced.
 */
import { randomUUID } from 'node:crypto';
import { readRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';
import { isAlive } from './process-table.ts';

export function generationOf({ name, dataDir, mark, readiness }: ProcessSpec): string {
  const record = readRecord(dataDir, name);
  if (record === undefined) return randomUUID();
  // A command that ended as it should has nothing that could die.
  const stands = readiness.kind === 'exit' || (record.pid !== undefined && isAlive(record.pid, mark));
  return stands ? record.generation : randomUUID();
}
