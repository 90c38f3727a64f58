/**
 * Memory that a busy time took is given back when it is over. V8 collects nothing while nothing is allocated, and keeps the
 * pages that it has emptied; its mode for little memory does both, but costs a third more CPU for each job when it is always on.
 * So it is on while the process idles. What a process needs at its peak is bounded by its heap limit, not by this.
 */
import { setFlagsFromString } from 'node:v8';

/** Of one core, since the last look. Between the two all stays as it is. */
const idleBelow = 0.1;
const busyFrom = 0.3;
const lookEveryMs = 1_000;
/** Older ones do not know the mode, and say so on standard error. */
const v8KnowsItFrom = 13;

export function isIdle(wasIdle: boolean, cpuShare: number): boolean {
  return wasIdle ? cpuShare < busyFrom : cpuShare < idleBelow;
}

export interface IdleHeapParts {
  readonly cpuShare: () => number;
  readonly saveMemory: (on: boolean) => void;
}

/** Answers what stops it. */
export function giveHeapBackWhenIdle({ cpuShare, saveMemory }: IdleHeapParts = ofThisProcess()): () => void {
  let idle = false;
  const timer = setInterval(() => {
    const next = isIdle(idle, cpuShare());
    if (next !== idle) saveMemory(next);
    idle = next;
  }, lookEveryMs);
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
