/** Jobs as rows. */
import { Tag } from '../parts/icons.tsx';
import { JobLink, Text } from '../parts/text.tsx';
import { nowMs } from '../site/session.ts';
import { durationText, instantText, timeMs } from '../text/durations.ts';
import { codeOf, jobTone, wordOf } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';

export function JobTable({ jobs }: { readonly jobs: readonly Job[] }) {
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of jobs">
      <table>
        <thead>
          <tr>
            <th>state</th>
            <th>job</th>
            <th>handler</th>
            <th class="n">created</th>
            <th class="n">waited</th>
            <th class="n">ran</th>
            <th class="n">attempt</th>
            <th>failure</th>
            <th>labels</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <Row key={job.id} job={job} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function span(fromMs: number | undefined, untilMs: number | undefined): string {
  return fromMs === undefined || untilMs === undefined ? '–' : durationText(untilMs - fromMs);
}

function Row({ job }: { readonly job: Job }) {
  const { id = '', state, spec = {}, failure, attempt = 0 } = job;
  const createdMs = timeMs(job.createTime);
  const startedMs = timeMs(job.firstStartTime);
  const endedMs = timeMs(job.endTime);
  const labels = Object.entries(spec.labels ?? {});
  return (
    <tr>
      <td>
        <Tag tone={jobTone(state)}>{wordOf(state, 'JOB_STATE_')}</Tag>
      </td>
      <td>
        <JobLink id={id} isShort />
      </td>
      <td class="name mono">
        <Text value={spec.handler ?? ''} />
      </td>
      <td class="n">{createdMs === undefined ? '–' : instantText(createdMs, nowMs.value)}</td>
      <td class="n">{span(createdMs, startedMs ?? endedMs ?? nowMs.value)}</td>
      <td class="n">{startedMs === undefined ? '–' : span(startedMs, endedMs ?? nowMs.value)}</td>
      <td class="n">{attempt}</td>
      <td class="wide">
        {failure !== undefined && (
          <>
            <code>
              <Text
                value={
                  failure.code !== undefined && failure.code !== ''
                    ? failure.code
                    : codeOf(failure.reason, 'FAILURE_REASON_')
                }
              />
            </code>{' '}
            <span class="soft">
              <Text value={(failure.message ?? '').slice(0, 160)} />
            </span>
          </>
        )}
      </td>
      <td class="name soft" title={labels.map(([name, value]) => `${name}=${value}`).join('\n')}>
        <Text value={labels.map(([name, value]) => `${name}=${value}`).join(' ')} />
      </td>
    </tr>
  );
}
