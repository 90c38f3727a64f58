/** Seeded bugs about jobs whose records are in the store only. */
import { isTerminal } from '../../../src/domain/job.ts';
import { type Mutation, onStore } from './mutation.ts';

export const coldMutations: Readonly<Record<string, Mutation>> = {
  'a record is dropped although the store lacks the idempotency key of its job': {
    breaks: [4],
    within: 120,
    firstTried: 84,
    change: onStore((jobs) => ({
      async putKeys(shard, entries) {
        const kept = await Promise.all(
          entries.map(async (entry) => {
            const record = await jobs.findJob(entry.jobId);
            const isOwnKey = record?.requestKey?.keyHash === entry.keyHash;
            return isOwnKey && !isTerminal(record.state) ? [] : [entry];
          }),
        );
        await jobs.putKeys(shard, kept.flat());
      },
    })),
  },
  'some reads of cold jobs are never answered': {
    breaks: [1, 2, 9],
    within: 20,
    change: onStore((jobs, _cluster, { host }) => ({
      findJobs: (partition, ids) =>
        host.random() < 0.3 ? new Promise(() => undefined) : jobs.findJobs(partition, ids),
    })),
  },
};
