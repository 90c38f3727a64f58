/** Does nothing, and says when it began: the clock of the bench's own machine. */
import { defineHandler } from 'troupe/handlers';

export default defineHandler({
  name: 'bench.noop',
  version: '1.0.0',
  run: () => performance.timeOrigin + performance.now(),
});
