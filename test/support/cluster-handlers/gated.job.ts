/** Fails without a retry until a file exists. */
import { existsSync } from 'node:fs';
import { defineHandler, reject } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'test.gated',
  version: '1.0.0',
  input: z.object({ gate: z.string(), n: z.number() }),
  run({ gate, n }) {
    if (!existsSync(gate)) throw reject('the gate is closed');
    return n;
  },
});
