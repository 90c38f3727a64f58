/** Log and measures that go nowhere: what is timed is the work alone. */
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
  gauge: () => ({ set: nothing }),
  histogram: () => ({ observe: nothing }),
};
