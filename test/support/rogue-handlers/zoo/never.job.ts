import { defineHandler } from 'troupe/handlers';

export default defineHandler({
  name: 'never',
  cancelGrace: '100ms',
  async run() {
    await new Promise(() => undefined);
  },
});
