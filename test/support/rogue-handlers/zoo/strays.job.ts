import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Leaves errors that nobody awaits. */
export default defineHandler({
  name: 'strays',
  input: z.object({ what: z.enum(['rejection', 'late rejection', 'timer', 'listens', 'takes away']) }),
  async run({ what }) {
    if (what === 'listens') {
      process.on('uncaughtException', () => undefined);
      return;
    }
    if (what === 'takes away') {
      process.removeAllListeners();
      return;
    }
    if (what === 'rejection') {
      void Promise.reject(new Error('nobody awaits me'));
      return;
    }
    const fail = (): void => {
      throw new Error('nobody catches me');
    };
    if (what === 'timer') setTimeout(fail, 1);
    else void new Promise((resolve) => setTimeout(resolve, 1)).then(fail);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  },
});
