import { MessageChannel, parentPort, workerData } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

const text = { kind: 'log', level: 'info', text: 'said by itself' };
const json = { kind: 'json', json: '1' };
const mebibyte = new Uint8Array(2 ** 20);
const { slot } = workerData as { readonly slot: SharedArrayBuffer };

/** Messages that our code would never send to its cell, through each channel that a thread has. */
const ways = {
  'shared memory in a line': () => parentPort?.postMessage({ ...text, more: slot }),
  'a port in a line': () => {
    const { port1 } = new MessageChannel();
    parentPort?.postMessage({ ...text, more: port1 }, [port1]);
  },
  'shared memory in a checkpoint': () =>
    parentPort?.postMessage({ kind: 'checkpoint', number: 1, payload: { ...json, more: slot } }),
  'a checkpoint without a number': () => parentPort?.postMessage({ kind: 'checkpoint', number: 0, payload: json }),
  'a checkpoint below zero': () => parentPort?.postMessage({ kind: 'checkpoint', number: -7, payload: json }),
  'progress below zero': () => void new Int32Array(slot).fill(-2_147_483_648),
  'a gigabyte of checkpoints': () => {
    for (let number = 1; number <= 1_000; number += 1)
      parentPort?.postMessage({ kind: 'checkpoint', number, payload: { kind: 'bytes', bytes: mebibyte } });
  },
  'an error that is none': () => {
    const slice = (): object => ({ toWellFormed: () => ({ no: 'text' }) });
    throw Object.assign(new Error('odd'), { message: { length: 5, slice, charCodeAt: () => 0 } });
  },
} as const;

export type Way = keyof typeof ways;

export default defineHandler({
  name: 'speaks',
  input: z.object({ what: z.enum(Object.keys(ways) as [Way, ...Way[]]) }),
  async run({ what }) {
    ways[what]();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return what;
  },
});
