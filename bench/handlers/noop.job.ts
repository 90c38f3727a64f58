/** Does nothing, and returns when it started. The bench runs on the same machine, so its clock is the same. */
import { defineHandler } from 'troupe/handlers';

export default defineHandler({
  name: 'bench.noop',
  version: '1.0.0',
  run: () => performance.timeOrigin + performance.now(),
});
