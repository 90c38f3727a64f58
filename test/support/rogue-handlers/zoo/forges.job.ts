import { writeSync } from 'node:fs';
import { serialize } from 'node:v8';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** The descriptor of the pipe from a cell to its node. Threads share it with their cell. */
const descriptor = 3;

/** Writes forged frames to the node. */
export default defineHandler({
  name: 'forges',
  input: z.object({
    what: z.enum(['noise', 'length', 'body', 'no list', 'no event', 'no outcome', 'wrong type', 'second start']),
    /** The run itself, which it cannot know. */
    runId: z.string().optional(),
  }),
  run({ what, runId = '' }) {
    if (what === 'second start') {
      const started = { kind: 'started', runId };
      writeSync(descriptor, frame([started, started]));
      return Promise.resolve(undefined);
    }
    writeSync(descriptor, forged(what));
    return new Promise<undefined>(() => undefined);
  },
});

function forged(what: string): Buffer {
  switch (what) {
    case 'noise':
      return Buffer.alloc(64, 0xff);
    case 'length':
      return head(0x7f_ff_ff_ff);
    case 'body':
      return Buffer.concat([head(16), Buffer.alloc(16, 0xfe)]);
    case 'no list':
      return frame({ kind: 'pulse' });
    case 'no event':
      return frame([null]);
    case 'no outcome':
      return frame([{ kind: 'ended', runId: 'r', durationMs: 1 }]);
    default:
      return frame([{ kind: 'log', runId: 'r', level: 'info', text: { toString: null } }]);
  }
}

function frame(body: unknown): Buffer {
  const bytes = serialize(body);
  return Buffer.concat([head(bytes.byteLength), bytes]);
}

function head(bytes: number): Buffer {
  const all = Buffer.from('TRP1\0\0\0\0', 'latin1');
  all.writeUInt32BE(bytes, 4);
  return all;
}
