import { defineHandler } from 'troupe/handlers';

/** A synchronous loop that reports progress and notices a cancel request. */
export default defineHandler({
  name: 'polite',
  cancelGrace: '30s',
  run(_input, ctx) {
    for (let step = 0; ; step += 1) {
      ctx.progress((step % 1_000) / 1_000);
      ctx.throwIfCancelled();
    }
  },
});
