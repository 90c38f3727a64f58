/** Keeps the load of a shard within the size of an answer. */
import { jsonBytes } from '../../../application/protocol/json-bytes.ts';
import type { ClusterLoad } from '../../../domain/demand.ts';

/** Most rows of each kind. */
const rowsMax = 1_000;

interface Rows<T> {
  readonly kept: readonly T[];
  /** Jobs in the rows that were left out. */
  readonly omittedJobs: number;
}

/**
 * Keeps the rows with the most jobs. Every worker class counts the others as a sum, so the demand does not become
 * smaller. A row of `heldByKey` only lowers the demand, so those that are left out need no sum.
 */
export function boundedLoad(
  { waiting, running, heldByKey }: Omit<ClusterLoad, 'omitted'>,
  bytesMax: number,
): ClusterLoad {
  const rowsBytesMax = (bytesMax - jsonBytes({ waiting: [], running: [], heldByKey: [], omitted: 0 })) / 3;
  const [waits, runs] = [bounded(waiting, rowsBytesMax), bounded(running, rowsBytesMax)];
  return {
    waiting: waits.kept,
    running: runs.kept,
    heldByKey: bounded(heldByKey, rowsBytesMax).kept,
    omitted: waits.omittedJobs + runs.omittedJobs,
  };
}

function bounded<T extends { readonly jobs: number }>(rows: readonly T[], bytesMax: number): Rows<T> {
  const sized = rows.slice(0, rowsMax).reduce((sum, row) => sum + jsonBytes(row) + 1, 0);
  if (rows.length <= rowsMax && sized <= bytesMax) return { kept: rows, omittedJobs: 0 };
  const kept: T[] = [];
  let [bytes, omittedJobs] = [0, 0];
  for (const row of rows.toSorted((one, other) => other.jobs - one.jobs)) {
    const rowBytes = jsonBytes(row) + 1;
    if (kept.length < rowsMax && bytes + rowBytes <= bytesMax) {
      kept.push(row);
      bytes += rowBytes;
    } else omittedJobs += row.jobs;
  }
  return { kept, omittedJobs };
}
