/** The log of a job. It follows while the job runs, unless somebody has scrolled up to read. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Age, NothingYet } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { useTopic } from '../live/use-topic.ts';
import { logRows } from '../text/log-rows.ts';
import { clockText } from '../text/durations.ts';
import { isFinalJob } from '../text/words.ts';
import type { Job, JobLog } from '../wire/shapes.ts';

interface LogAnswer {
  readonly log?: JobLog;
}

/** An answer has at most four times 64 KiB. */
const followMs = 3_000;
/** So near to the end counts as at the end. */
const nearPx = 24;

export function JobLogPart({ job }: { readonly job: Job }) {
  const [text, setText] = useState('');
  const [isFollowing, setFollowing] = useState(true);
  const list = useRef<HTMLOListElement>(null);
  const isEnded = isFinalJob(job);
  // Asked once more when the job ends: its last lines come with its end.
  const followed = useTopic<LogAnswer>({
    method: 'Jobs/GetJobLog',
    request: { jobId: job.id ?? '' },
    periodMs: isEnded ? 0 : followMs,
  });
  const { topic } = followed;
  const rows = logRows(topic.value?.log ?? {}, text);
  useEffect(() => {
    if (isFollowing && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [topic.atMs, isFollowing]);
  return (
    <section class="panel" aria-label="Log">
      <header>
        <h2>Log</h2>
        {!isFollowing && !isEnded && (
          <button type="button" onClick={() => setFollowing(true)}>
            Follow
          </button>
        )}
        <Age followed={followed} />
        <input
          class="find"
          type="search"
          aria-label="Only lines that contain"
          placeholder="find in the log"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </header>
      {topic.value === undefined ? (
        <div class="body">
          <NothingYet failure={topic.failure} />
        </div>
      ) : (
        <ol
          ref={list}
          class="log"
          tabIndex={0}
          aria-label="Lines of the log"
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) =>
            setFollowing(scrollHeight - scrollTop - clientHeight < nearPx)
          }
        >
          {rows.length === 0 && <li class="gap">{text === '' ? 'Nothing was logged.' : 'No line contains that.'}</li>}
          {rows.map((row) =>
            row.kind === 'gap' ? (
              <li key={row.key} class="gap">
                {row.text}
              </li>
            ) : (
              <li key={row.key} class={row.level}>
                <span class="soft">{row.atMs === undefined ? '' : clockText(row.atMs, true)}</span>
                <span>{row.level}</span>
                <Text value={row.text} />
              </li>
            ),
          )}
        </ol>
      )}
    </section>
  );
}
