/** What goes into the next group commit while more is decided than one group holds. */
import { describe, expect, it } from 'vitest';
import { PartitionWriter } from '../../../../../src/actors/shard/commit/partition-writer.ts';
import type { CommitGroup, JobStore } from '../../../../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../../../../src/domain/job.ts';
import { testRecord } from '../../../../support/jobs.ts';

const groupMaxRecords = 4;

function setUp() {
  const groups: (readonly JobRecord[])[] = [];
  const store: Pick<JobStore, 'commit'> = {
    commit: ({ records }: CommitGroup) => {
      groups.push(records);
      return Promise.resolve('applied');
    },
  };
  const writer = new PartitionWriter({
    store: store as JobStore,
    partition: { shard: 0, bucket: 1 },
    epoch: 1,
    groupMaxRecords,
    commits: 0,
    pause: () => Promise.reject(new Error('nothing fails')),
    write: (work) => work(),
  });
  let last = 0n;
  return {
    writer,
    decide(tenant: string, count: number): JobRecord[] {
      return Array.from({ length: count }, () => {
        last += 1n;
        const record = testRecord({ tenant }, { unique: last });
        writer.add(record);
        return record;
      });
    },
    /** The records of the next group. */
    async flush(): Promise<readonly JobRecord[]> {
      await writer.flush();
      writer.landed();
      return groups.splice(0).flat();
    },
  };
}

describe('the next group', () => {
  it('has records of each tenant, however many another one has decided before', async () => {
    const { decide, flush } = setUp();
    const flood = decide('flood', 100);
    const calm = decide('calm', 2);
    expect(await flush()).toEqual([flood[0], calm[0], flood[1], calm[1]]);
    expect(await flush()).toEqual(flood.slice(2, 6));
  });

  it('has the records of a tenant in their order, and each once, as it was decided last', async () => {
    const { writer, decide, flush } = setUp();
    const records = decide('flood', 6);
    const [first, second] = records;
    const later = { ...(second as JobRecord), seq: 2 };
    writer.add(later);
    expect(await flush()).toEqual([first, later, records[2], records[3]]);
    expect(writer.backlog).toBe(2);
    expect(await flush()).toEqual([records[4], records[5]]);
    expect([writer.dirty, writer.backlog]).toEqual([false, 0]);
  });

  it('has what was decided about a job while its record was written', async () => {
    const { writer, decide, flush } = setUp();
    const [record] = decide('calm', 1);
    const written = writer.flush();
    const later = { ...(record as JobRecord), seq: 2 };
    writer.add(later);
    await written;
    expect(writer.landed()).toEqual([record]);
    expect(await flush()).toContain(later);
  });
});
