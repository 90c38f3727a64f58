/** How this process and its machine fare. The loop's share is since the last look, at most one a quarter of a second. */
import { loadavg } from 'node:os';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';

export interface ProcessVitals {
  readonly eventLoopUtilization: number;
  readonly rssBytes: number;
  readonly machineLoad: number;
}

/** Two that look at the same time must not measure each other's moment. */
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
