/**
 * Load of this process and its machine. The utilization of the event loop is a share (0 to 1) since the last
 * measurement; there is at most one measurement per `freshMs`.
 */
import { loadavg } from 'node:os';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';

export interface ProcessVitals {
  readonly eventLoopUtilization: number;
  readonly rssBytes: number;
  readonly machineLoad: number;
}

/** Two readers at almost the same time must not measure only the moment between them. */
const freshMs = 250;

export function createProcessVitals(): () => ProcessVitals {
  let since: EventLoopUtilization = performance.eventLoopUtilization();
  let lookedMs = performance.now();
  let share = since.utilization;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lookedMs >= freshMs) {
      const now = performance.eventLoopUtilization();
      share = performance.eventLoopUtilization(now, since).utilization;
      since = now;
      lookedMs = nowMs;
    }
    const [machineLoad = 0] = loadavg();
    return { eventLoopUtilization: share, rssBytes: process.memoryUsage.rss(), machineLoad };
  };
}
