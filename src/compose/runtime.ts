/** What all parts of the process share: clock, randomness, log, metrics. */
import { createSystemClock, createSystemRandom } from '../adapters/system/system-clock.ts';
import { createLogger, type FlushableLogger } from '../adapters/telemetry/logger.ts';
import { createPrometheusTelemetry, type PrometheusTelemetry } from '../adapters/telemetry/prometheus.ts';
import type { Clock, Random } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';
import { given } from '../domain/given.ts';
import { type Outages, watchOutages } from './outages.ts';

export interface ProcessRuntime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: FlushableLogger;
  readonly telemetry: PrometheusTelemetry;
  readonly outages: Outages;
}

/** `writeLog` receives the lines of the log. Default: standard output. */
export function createRuntime(config: Config, nodeId: string, writeLog?: (line: string) => void): ProcessRuntime {
  const { level, pretty } = config.log;
  return {
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: createLogger({ level, pretty, bindings: pretty ? {} : { nodeId }, ...given({ write: writeLog }) }),
    ...watchOutages(createPrometheusTelemetry({ processMetrics: true })),
  };
}
