/** Maps log lines of jobs to the contract. */
import type { LogPage } from '../application/jobs/read-log.ts';
import { logLevelCodes } from '../contract/codes.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';

export function toLog({ lines, skipped }: LogPage): Init<wire.JobLog> {
  return {
    skipped,
    lines: lines.map(({ attempt, number, atMs, level, text }) => ({
      attempt,
      number,
      text,
      time: toTime(atMs),
      level: logLevelCodes[level],
    })),
  };
}
