/** A walk through the jobs of a queue for as long as the page shows it. */
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { call, nowMs } from '../site/session.ts';
import { beginOf, filterLink, filterRequest, isEndedBadly, type JobFilter } from '../text/job-filter.ts';
import type { CallFailure } from '../wire/call.ts';
import type { Job } from '../wire/shapes.ts';
import { goOn, pause, startWalk, type Walk, type WalkBounds, walkRequest, withPage } from './job-walk.ts';

export interface Walking {
  readonly walk: Walk | undefined;
  readonly failure: CallFailure | undefined;
  readonly goOn: () => void;
  readonly pause: () => void;
  /** From the newest again. */
  readonly restart: () => void;
}

interface ListAnswer {
  readonly jobs?: readonly Job[];
  readonly nextPageToken?: string;
}

export function useWalk(filter: JobFilter): Walking {
  const walk = useSignal<Walk | undefined>(undefined);
  const failure = useSignal<CallFailure | undefined>(undefined);
  /** Whose answers count: what an earlier search finds late is not shown. */
  const turn = useRef(0);
  const bounds = useRef<WalkBounds>({ beginMs: 0, isOneStretch: false });

  const run = async (own: number): Promise<void> => {
    while (turn.current === own && walk.value?.status === 'walking') {
      const request = walkRequest(walk.value, filter.queue, filterRequest(filter));
      const result = await call<ListAnswer>('Jobs/ListJobs', request);
      if (turn.current !== own) return;
      failure.value = result.isOk ? undefined : result.failure;
      if (!result.isOk) {
        walk.value = pause(walk.value);
        return;
      }
      const { jobs = [], nextPageToken = '' } = result.answer;
      walk.value = withPage(walk.value, { jobs, nextPageToken }, bounds.current);
    }
  };
  const begin = (): void => {
    turn.current += 1;
    bounds.current = { beginMs: beginOf(filter, nowMs.value), isOneStretch: isEndedBadly(filter) };
    // A moment ahead: by a clock that is a little behind, the newest job would not be there.
    walk.value = startWalk(nowMs.value + 2_000, bounds.current);
    failure.value = undefined;
    void run(turn.current);
  };
  useEffect(() => {
    begin();
    return () => {
      turn.current += 1;
    };
  }, [filterLink(filter)]);
  return {
    walk: walk.value,
    failure: failure.value,
    restart: begin,
    pause: () => {
      if (walk.value !== undefined) walk.value = pause(walk.value);
    },
    goOn: () => {
      if (walk.value === undefined) return;
      walk.value = goOn(walk.value);
      void run(turn.current);
    },
  };
}
