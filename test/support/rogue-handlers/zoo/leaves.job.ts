import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Returns at once and leaves something behind that acts later. */
export default defineHandler({
  name: 'leaves',
  input: z.object({
    what: z.enum(['throw', 'rejection', 'exit', 'loop', 'print', 'server', 'child', 'thread', 'nothing']),
    afterMs: z.number().default(200),
    /** If set, it acts once this file exists, and not after a time. */
    onceThere: z.string().optional(),
    /** If set, nothing waits for it, so the thread is reused. */
    unref: z.boolean().default(false),
    fails: z.boolean().default(false),
  }),
  run({ what, afterMs, onceThere, unref, fails }, ctx) {
    const late = (act: () => void): void => {
      const look = (): void => {
        if (!existsSync(onceThere ?? '')) return;
        clearInterval(timer);
        act();
      };
      const timer = onceThere === undefined ? setTimeout(act, afterMs) : setInterval(look, 20);
      if (unref) timer.unref();
    };
    switch (what) {
      case 'throw':
        late(() => {
          throw new Error('too late');
        });
        break;
      case 'rejection':
        late(() => void Promise.reject(new Error('too late')));
        break;
      case 'exit':
        late(() => process.exit(7));
        break;
      case 'loop':
        late(() => {
          for (;;);
        });
        break;
      case 'print':
        late(() => {
          process.stderr.write('printed too late\n');
          ctx.log.info('said too late');
          process.stdout.write('and half a li');
        });
        break;
      case 'server':
        createServer().listen(0, '127.0.0.1');
        break;
      case 'child':
        spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
        break;
      case 'thread':
        new Worker('for (;;);', { eval: true });
        break;
      case 'nothing':
        clearTimeout(setTimeout(() => undefined, 60_000));
        void AbortSignal.timeout(60_000);
    }
    if (fails) throw new Error('failed at once');
    return { pid: process.pid };
  },
});
