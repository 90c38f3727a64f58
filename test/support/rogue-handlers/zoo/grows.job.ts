import { defineHandler } from 'troupe/handlers';

/** Allocates memory that no heap limit counts: ArrayBuffers, written to so that they become resident. */
export default defineHandler({
  name: 'grows',
  run() {
    const all: Uint8Array[] = [];
    for (;;) all.push(new Uint8Array(8 * 2 ** 20).fill(all.length + 1));
  },
});
