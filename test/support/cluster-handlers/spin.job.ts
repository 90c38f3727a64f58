import { closeSync, openSync, writeSync } from 'node:fs';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/**
 * A synchronous loop that never checks for a cancel request. It keeps writing the current time to a file, which shows
 * until when its code ran.
 */
export default defineHandler({
  name: 'test.spin',
  cancelGrace: '300ms',
  input: z.object({ clock: z.string() }),
  run({ clock }) {
    const file = openSync(clock, 'w');
    try {
      for (;;) writeSync(file, String(Date.now()), 0);
    } finally {
      closeSync(file);
    }
  },
});
