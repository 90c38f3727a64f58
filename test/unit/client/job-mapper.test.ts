/** What a client makes of a job that a gateway of a later version has sent. */
import { expect, it } from 'vitest';
import { fromJob } from '../../../src/client/job-mapper.ts';
import { type Init, loadContract } from '../../../src/contract/codec.ts';
import type * as wire from '../../../src/contract/messages.ts';
import { toTime } from '../../../src/contract/time.ts';

const { GetJob } = loadContract().jobs;

function arrived(job: Init<wire.Job>): ReturnType<typeof fromJob> {
  const answer = GetJob.responseDeserialize(GetJob.responseSerialize({ job }));
  if (!answer.job) throw new Error('the answer has a job');
  return fromJob(answer.job, JSON.parse);
}

it('a job in a state that the client does not know is final once it has an end time', () => {
  const laterState = 99;
  expect(arrived({ state: laterState })).toMatchObject({ state: 'UNKNOWN', final: false });
  expect(arrived({ state: laterState, endTime: toTime(1_000) })).toMatchObject({ state: 'UNKNOWN', final: true });
});
