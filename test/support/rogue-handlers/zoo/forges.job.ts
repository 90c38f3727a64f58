import { writeSync } from 'node:fs';
import { serialize } from 'node:v8';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** The descriptor of the pipe from a cell to its node. Threads share it with their cell. */
const descriptor = 3;
const macBytes = 16;

/** Writes forged frames to the node. */
export default defineHandler({
  name: 'forges',
  input: z.object({
    what: z.enum(['noise', 'length', 'body', 'start', 'end', 'pulse']),
    /** The run in whose name it speaks. */
    runId: z.string().default('r'),
  }),
  run({ what, runId }) {
    writeSync(descriptor, forged(what, runId));
    return new Promise<undefined>(() => undefined);
  },
});

function forged(what: string, runId: string): Buffer {
  switch (what) {
    case 'noise':
      return Buffer.alloc(64, 0xff);
    case 'length':
      return head(0x7f_ff_ff_ff);
    case 'body':
      return Buffer.concat([head(16), Buffer.alloc(16, 0xfe)]);
    case 'start':
      return frame([{ kind: 'started', runId }]);
    case 'end':
      return frame([{ kind: 'ended', runId, outcome: { kind: 'succeeded' }, durationMs: 1 }]);
    default:
      return frame([{ kind: 'pulse', vitals }]);
  }
}

const vitals = { rssBytes: 1, eventLoopUtilization: 0, threadsAlive: 2, leaked: 2, orphans: 0, runs: [] };

function frame(body: unknown): Buffer {
  const bytes = serialize(body);
  return Buffer.concat([head(bytes.byteLength), bytes]);
}

function head(bytes: number): Buffer {
  const all = Buffer.alloc(8 + macBytes);
  all.write('TRP2', 'latin1');
  all.writeUInt32BE(bytes, 4);
  return all;
}
