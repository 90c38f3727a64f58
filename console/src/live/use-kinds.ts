/** A search for kinds of failures for as long as the page shows it. */
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { call, nowMs } from '../site/session.ts';
import { timeMs } from '../text/durations.ts';
import {
  kindFilterLink,
  type KindFilter,
  type KindSearch,
  searchRequest,
  startSearch,
  withKinds,
} from '../text/failure-kinds.ts';
import type { CallFailure } from '../wire/call.ts';
import type { FailureKind } from '../wire/shapes.ts';

interface KindsAnswer {
  readonly kinds?: readonly FailureKind[];
  readonly jobs?: number;
  readonly searchedTo?: string;
  readonly endedFrom?: string;
  readonly nextPageToken?: string;
}

export interface Searching {
  readonly search: KindSearch | undefined;
  readonly failure: CallFailure | undefined;
  readonly goOn: () => void;
  readonly pause: () => void;
  readonly restart: () => void;
}

export function useKinds(filter: KindFilter): Searching {
  const search = useSignal<KindSearch | undefined>(undefined);
  const failure = useSignal<CallFailure | undefined>(undefined);
  /** Whose answers count: what an earlier search finds late is not shown. */
  const turn = useRef(0);

  const run = async (own: number): Promise<void> => {
    while (turn.current === own && search.value?.status === 'searching') {
      const result = await call<KindsAnswer>('Jobs/ListFailureKinds', searchRequest(filter, search.value, nowMs.value));
      if (turn.current !== own) return;
      failure.value = result.isOk ? undefined : result.failure;
      if (!result.isOk) {
        search.value = { ...search.value, status: 'paused' };
        return;
      }
      const { kinds = [], jobs = 0, searchedTo, endedFrom = '', nextPageToken = '' } = result.answer;
      const searchedToMs = timeMs(searchedTo) ?? search.value.searchedBackMs;
      search.value = withKinds(search.value, { kinds, jobs, searchedToMs, endedFrom, nextPageToken });
    }
  };
  const begin = (): void => {
    turn.current += 1;
    search.value = startSearch(nowMs.value);
    failure.value = undefined;
    void run(turn.current);
  };
  useEffect(() => {
    begin();
    return () => {
      turn.current += 1;
    };
  }, [kindFilterLink(filter)]);
  return {
    search: search.value,
    failure: failure.value,
    restart: begin,
    pause: () => {
      if (search.value?.status === 'searching') search.value = { ...search.value, status: 'paused' };
    },
    goOn: () => {
      if (search.value?.status !== 'paused') return;
      search.value = { ...search.value, pages: 0, status: 'searching' };
      void run(turn.current);
    },
  };
}
