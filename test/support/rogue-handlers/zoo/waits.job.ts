import { defineHandler } from 'troupe/handlers';

/** Waits for its abort signal, and only for that. */
export default defineHandler({
  name: 'waits',
  cancelGrace: '30s',
  async run(_input, ctx) {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
  },
});
