/** A logger and telemetry that discard everything, so that only the work is timed. */
import type { Logger, Telemetry } from '../../src/application/ports/runtime.ts';

const nothing = (): void => undefined;

export const silentLog: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
};

export const noTelemetry: Telemetry = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing, remove: nothing }),
  histogram: () => ({ observe: nothing }),
};
