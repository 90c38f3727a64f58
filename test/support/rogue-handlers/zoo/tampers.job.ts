import { MessagePort, parentPort, workerData } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

const nothing = (): undefined => undefined;

/** Replaces functions on which everything in its thread depends, then continues as if nothing had happened. */
export default defineHandler({
  name: 'tampers',
  input: z.object({
    what: z.enum(['objects', 'arrays', 'promises', 'globals', 'atomics', 'ports', 'console', 'shared memory']),
  }),
  run({ what }, ctx) {
    switch (what) {
      case 'objects':
        Object.assign(Object.prototype, { kind: 'log', then: nothing, taskId: 1, runId: 'r', text: 'forged' });
        break;
      case 'arrays':
        for (const name of ['push', 'concat', 'map', 'shift', 'slice'] as const)
          Array.prototype[name] = nothing as never;
        Array.prototype[Symbol.iterator] = nothing as never;
        break;
      case 'promises':
        Promise.prototype.then = nothing as never;
        Promise.prototype.constructor = nothing;
        break;
      case 'globals':
        Object.assign(globalThis, {
          performance: undefined,
          setTimeout: nothing,
          setImmediate: nothing,
          Promise: nothing,
        });
        JSON.parse = nothing as never;
        break;
      case 'atomics':
        Atomics.load = (() => 1) as never;
        Atomics.store = Atomics.add = nothing as never;
        break;
      case 'ports':
        for (let time = 0; time < 10; time += 1)
          parentPort?.postMessage({ kind: 'ended', runId: `r${time}`, outcome: { kind: 'stopped' } });
        MessagePort.prototype.postMessage = nothing as never;
        break;
      case 'console':
        Object.assign(console, { info: nothing });
        process.stdout.write = () => true;
        break;
      case 'shared memory': {
        const { slot } = workerData as { readonly slot: SharedArrayBuffer };
        new Int32Array(slot).fill(3);
        break;
      }
    }
    ctx.progress(0.5, 'half way');
    ctx.log.info('still here');
    return { tampered: what };
  },
});
