import { defineHandler } from 'troupe/handlers';

/** Waits for its abort signal and for nothing else. */
export default defineHandler({
  name: 'waits',
  cancelGrace: '30s',
  async run(_input, ctx) {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
  },
});
