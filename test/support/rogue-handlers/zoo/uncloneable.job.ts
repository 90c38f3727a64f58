import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Returns a value that cannot be recorded. */
export default defineHandler({
  name: 'uncloneable',
  input: z.object({ what: z.enum(['function', 'nested function', 'bigint', 'cycle', 'map', 'symbol']) }),
  run({ what }): unknown {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    switch (what) {
      case 'function':
        return () => 1;
      case 'nested function':
        return { inner: () => 1 };
      case 'bigint':
        return { big: 1n };
      case 'cycle':
        return cycle;
      case 'map':
        return new Map([[1, 2]]);
      case 'symbol':
        return Symbol('s');
    }
  },
});
