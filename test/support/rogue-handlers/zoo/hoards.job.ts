import { defineHandler } from 'troupe/handlers';

/** Fills the heap with many small objects. The thread dies and the process lives. */
export default defineHandler({
  name: 'hoards',
  run() {
    let chain: { readonly next: unknown } = { next: undefined };
    for (;;) chain = { next: chain };
  },
});
