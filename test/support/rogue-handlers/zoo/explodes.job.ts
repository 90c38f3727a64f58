import { defineHandler } from 'troupe/handlers';

/** Lets one array grow without end: V8 aborts the whole process when it cannot move it to a larger place. */
export default defineHandler({
  name: 'explodes',
  run() {
    const all: number[] = [];
    for (;;) all.push(all.length);
  },
});
