/** What every part of the process shares: clock, chance, log, measures. */
import { createSystemClock, createSystemRandom } from '../adapters/system/system-clock.ts';
import { createLogger, type FlushableLogger } from '../adapters/telemetry/logger.ts';
import { createPrometheusTelemetry, type PrometheusTelemetry } from '../adapters/telemetry/prometheus.ts';
import type { Clock, Random } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';

export interface ProcessRuntime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: FlushableLogger;
  readonly telemetry: PrometheusTelemetry;
}

/** `writeLog` takes the lines of the log; absent: standard output. */
export function createRuntime(config: Config, nodeId: string, writeLog?: (line: string) => void): ProcessRuntime {
  const { level, pretty } = config.log;
  return {
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: createLogger({ level, pretty, bindings: pretty ? {} : { nodeId }, ...(writeLog && { write: writeLog }) }),
    telemetry: createPrometheusTelemetry({ processMetrics: true }),
  };
}
