import { defineHandler } from 'troupe/handlers';

/** Uses half an emoji (half a surrogate pair) in every text that it can produce, and fails with it. */
export default defineHandler({
  name: 'test.half',
  run(_input, ctx) {
    const half = 'Holiday 🎉'.slice(0, 9);
    ctx.log.info(half);
    ctx.progress(0.5, half);
    throw Object.assign(new Error(`bad title: ${half}`), { code: half, retryable: false });
  },
});
