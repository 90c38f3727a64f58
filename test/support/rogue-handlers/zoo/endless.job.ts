import { defineHandler } from 'troupe/handlers';

/** A synchronous loop that looks at nothing. */
export default defineHandler({
  name: 'endless',
  cancelGrace: '200ms',
  run() {
    for (;;);
  },
});
