/**
 * Releases the memory that a busy period took once it is over. V8 collects no garbage while nothing is allocated, and
 * keeps the pages it has emptied. Its memory saver mode does both, but costs a third more CPU per job, and more in the
 * first second of a burst. So the mode is on for two minutes after a busy period, as long as the process stays idle.
 * The peak use of a process is bounded by its heap limit, not by this.
 */
import { setFlagsFromString } from 'node:v8';

/** Shares of one core since the last check. Between the two limits nothing changes. */
const idleBelow = 0.1;
const busyFrom = 0.3;
const lookEveryMs = 1_000;
/** A busy period has at least this many busy checks. */
const busyLooks = 2;
const savingMaxLooks = 120;
/** Older versions of V8 do not know the mode and complain on standard error. */
const v8KnowsItFrom = 13;

export interface IdleHeapParts {
  readonly cpuShare: () => number;
  readonly saveMemory: (on: boolean) => void;
}

/** Starts the checks. Returns a function that stops them. */
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
