/**
 * Memory that a busy time took is given back when it is over. V8 collects nothing while nothing is allocated, and keeps the
 * pages that it has emptied. Its mode for little memory does both, but costs a third more CPU for each job, and more in the
 * first second of a burst. So it is on for two minutes after a busy time, as long as the process idles. What a process needs
 * at its peak is bounded by its heap limit, not by this.
 */
import { setFlagsFromString } from 'node:v8';

/** Of one core, since the last look. Between the two all stays as it is. */
const idleBelow = 0.1;
const busyFrom = 0.3;
const lookEveryMs = 1_000;
/** A busy time has at least so many busy looks. */
const busyLooks = 2;
const savingMaxLooks = 120;
/** Older ones do not know the mode, and say so on standard error. */
const v8KnowsItFrom = 13;

export interface IdleHeapParts {
  readonly cpuShare: () => number;
  readonly saveMemory: (on: boolean) => void;
}

/** Answers what stops it. */
export function giveHeapBackWhenIdle({ cpuShare, saveMemory }: IdleHeapParts = ofThisProcess()): () => void {
  let busyFor = 0;
  let savingFor = 0;
  const save = (on: boolean): void => {
    savingFor = on ? 1 : 0;
    saveMemory(on);
  };
  const look = (): void => {
    const share = cpuShare();
    if (share >= busyFrom) busyFor += 1;
    if (savingFor > 0) {
      savingFor += 1;
      if (share >= busyFrom || savingFor > savingMaxLooks) save(false);
    } else if (share < idleBelow && busyFor >= busyLooks) {
      busyFor = 0;
      save(true);
    }
  };
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function ofThisProcess(): IdleHeapParts {
  let since = process.cpuUsage();
  let lookedMs = performance.now();
  const isKnown = Number.parseInt(process.versions.v8, 10) >= v8KnowsItFrom;
  return {
    cpuShare() {
      const nowMs = performance.now();
      const { user, system } = process.cpuUsage(since);
      const share = (user + system) / 1_000 / (nowMs - lookedMs);
      since = process.cpuUsage();
      lookedMs = nowMs;
      return share;
    },
    saveMemory(on) {
      if (isKnown) setFlagsFromString(on ? '--memory-saver-mode' : '--no-memory-saver-mode');
    },
  };
}
