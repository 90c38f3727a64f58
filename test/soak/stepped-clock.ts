/**
 * Loaded into a node before anything else (`--import`): its wall clock is off by the milliseconds in the file that
 * SOAK_CLOCK_FILE names, read again at each SIGUSR2. Monotonic time goes on as ever, as it does when a machine's clock is set.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['SOAK_CLOCK_FILE'];

if (file !== undefined && isMainThread) {
  const TrueDate = Date;
  let offsetMs = 0;
  const nowMs = (): number => TrueDate.now() + offsetMs;
  class SteppedDate extends TrueDate {
    constructor(...given: readonly unknown[]) {
      // A date of now, or whatever the arguments say: `Date` has several shapes, which the base class sorts out.
      super(...((given.length === 0 ? [nowMs()] : given) as [number]));
    }
    static override now(): number {
      return nowMs();
    }
  }
  globalThis.Date = SteppedDate as DateConstructor;
  process.on('SIGUSR2', () => {
    offsetMs = Number(readFileSync(file, 'utf8'));
  });
}
