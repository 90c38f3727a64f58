import { defineHandler } from 'troupe/handlers';

/** An endless synchronous loop that checks nothing. */
export default defineHandler({
  name: 'endless',
  cancelGrace: '200ms',
  run() {
    for (;;);
  },
});
