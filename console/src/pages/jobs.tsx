/** Jobs of a queue, found by a walk back in time. Rows in view stay as their jobs are; what is new above is counted. */
import { JobFilters } from './job-filters.tsx';
import { JobTable } from './job-table.tsx';
import { Cli } from '../parts/cli.tsx';
import { Trouble } from '../parts/panel.tsx';
import { type Walking, useWalk } from '../live/use-walk.ts';
import { pagesMax } from '../live/job-walk.ts';
import { useTopic } from '../live/use-topic.ts';
import { nowMs } from '../site/session.ts';
import { instantText } from '../text/durations.ts';
import { filterCli, filterRequest, type JobFilter } from '../text/job-filter.ts';
import { plural } from '../text/numbers.ts';
import { isFinalJob } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';

interface JobsAnswer {
  readonly jobs?: readonly Job[];
}

/** As many as one call takes. */
const freshMax = 200;

export function JobsPage({ filter }: { readonly filter: JobFilter }) {
  const walking = useWalk(filter);
  const { walk, failure } = walking;
  const found = walk?.jobs ?? [];
  const open = found.filter((job) => !isFinalJob(job)).slice(0, freshMax);
  const fresh = useTopic<JobsAnswer>({
    method: 'Jobs/GetJobs',
    request: { jobIds: open.map(({ id }) => id) },
    periodMs: 5_000,
    isWanted: open.length > 0,
  });
  const newer = new Map((fresh.topic.value?.jobs ?? []).map((job) => [job.id, job]));
  const jobs = found.map((job) => newer.get(job.id) ?? job);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Jobs</h1>
        <NewAbove filter={filter} newest={found[0]} walking={walking} />
      </div>
      <JobFilters filter={filter} />
      <section class="panel" aria-label="Jobs">
        <WalkLine walking={walking} />
        {failure !== undefined && (
          <div class="body">
            <Trouble failure={failure} />
          </div>
        )}
        {jobs.length > 0 && <JobTable jobs={jobs} />}
        {jobs.length === 0 && walk?.status === 'done' && <p class="body note">There is no such job in this time.</p>}
      </section>
      {walk !== undefined && <Cli line={filterCli(filter, walk.startedMs)} />}
    </>
  );
}

/** Never a wheel that turns without saying what it has done. */
function WalkLine({ walking: { walk, goOn, pause } }: { readonly walking: Walking }) {
  if (walk === undefined) return null;
  const { jobs, searchedBackMs, status } = walk;
  return (
    <div class="walk" role="status">
      <span>
        {plural(jobs.length, 'job')}, searched back to {instantText(searchedBackMs, nowMs.value)}
      </span>
      {status === 'walking' && (
        <>
          <span class="soft">searching …</span>
          <button type="button" onClick={pause}>
            Stop
          </button>
        </>
      )}
      {status === 'paused' && (
        <button type="button" onClick={goOn}>
          Search {pagesMax} pages more
        </button>
      )}
      {status === 'done' && <span class="soft">that is all of this time</span>}
    </div>
  );
}

interface NewAboveProps {
  readonly filter: JobFilter;
  readonly newest: Job | undefined;
  readonly walking: Walking;
}

/** Rows do not jump under the pointer: what is new waits for a click. */
function NewAbove({ filter, newest, walking }: NewAboveProps) {
  const since = newest?.createTime;
  const { topic } = useTopic<JobsAnswer>({
    method: 'Jobs/ListJobs',
    request: { queue: filter.queue, pageSize: 50, filter: { ...filterRequest(filter), createdFrom: since } },
    periodMs: 5_000,
    isWanted: since !== undefined && walking.walk?.status !== 'walking',
  });
  const known = new Set((walking.walk?.jobs ?? []).map(({ id }) => id));
  const count = (topic.value?.jobs ?? []).filter(({ id }) => !known.has(id)).length;
  if (count === 0) return null;
  return (
    <button type="button" onClick={walking.restart}>
      {count >= 50 ? '50 or more new' : `${count} new`}
    </button>
  );
}
