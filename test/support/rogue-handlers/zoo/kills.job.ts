import { defineHandler } from 'troupe/handlers';

/** Kills the process it runs in. */
export default defineHandler({
  name: 'kills',
  run() {
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  },
});
