/** The attempts of a job on one line of time: grey is waiting, colour is running. */
import { Tag } from '../parts/icons.tsx';
import { Text } from '../parts/text.tsx';
import { nowMs } from '../site/session.ts';
import { attemptLanes, type Lane } from '../text/attempt-lanes.ts';
import { clockText, durationText, timeMs } from '../text/durations.ts';
import { attemptTone, codeOf, wordOf } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';

export function TimelinePart({ job }: { readonly job: Job }) {
  const { lanes, beginMs, endMs } = attemptLanes(job, nowMs.value);
  if (lanes.length === 0) return null;
  const left = (job.attempt ?? 0) - lanes.length;
  return (
    <section class="panel" aria-label="Attempts">
      <header>
        <h2>Attempts</h2>
        <small>
          {clockText(beginMs)} to {clockText(endMs)}, {durationText(endMs - beginMs)}
          {left > 0 && `; the newest ${lanes.length} of ${job.attempt ?? 0}`}
        </small>
      </header>
      <ol class="body timeline">
        {lanes.map((lane) => (
          <LaneRow key={lane.attempt.number} lane={lane} />
        ))}
      </ol>
    </section>
  );
}

const width = 1_000;
/** A short attempt is still seen. */
const leastWidth = 3;

function LaneRow({ lane: { attempt, waitFrom, from, until, waitMs, runMs } }: { readonly lane: Lane }) {
  const tone = attemptTone(attempt.outcome);
  const word = attempt.outcome === undefined ? 'runs' : wordOf(attempt.outcome, 'ATTEMPT_OUTCOME_');
  const startMs = timeMs(attempt.startTime);
  return (
    <li class="lane">
      <span class="soft">#{attempt.number}</span>
      <svg viewBox={`0 0 ${width} 14`} preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" y="4" width={width} height="6" />
        <rect class="wait" x={waitFrom * width} y="6" width={Math.max(0, from - waitFrom) * width} height="2" />
        <rect
          class={tone}
          x={Math.min(from * width, width - leastWidth)}
          width={Math.max(leastWidth, (until - from) * width)}
          height="14"
        />
      </svg>
      <span class="n">{durationText(runMs)}</span>
      <small>
        <Tag tone={tone}>{word}</Tag> waited {durationText(waitMs)}
        {startMs !== undefined && `, started ${clockText(startMs, true)}`}
        {attempt.node !== undefined && (
          <>
            {' '}
            on <Text value={attempt.node} />
          </>
        )}
        {attempt.reason !== undefined && (
          <>
            {' '}
            · <code>{attempt.code ?? codeOf(attempt.reason, 'FAILURE_REASON_')}</code>{' '}
            <Text value={attempt.message ?? ''} />
          </>
        )}
      </small>
    </li>
  );
}
