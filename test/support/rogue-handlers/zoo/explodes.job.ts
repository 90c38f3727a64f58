import { defineHandler } from 'troupe/handlers';

/** Grows one array endlessly. V8 aborts the whole process when it cannot move the array to a larger place. */
export default defineHandler({
  name: 'explodes',
  run() {
    const all: number[] = [];
    for (;;) all.push(all.length);
  },
});
