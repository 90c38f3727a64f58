/** Seeded bugs in the logs of attempts. */
import type { ReportItem, ReadLogResult } from '../../../src/application/ports/shard-protocol.ts';
import { type Mutation, onHandler } from './mutation.ts';

export const logMutations: Readonly<Record<string, Mutation>> = {
  'the log of an attempt is not kept with its outcome': {
    breaks: [7],
    within: 20,
    load: 'logs',
    change: onHandler((handler) => (verb, items) => {
      if (verb !== 'report') return handler(verb, items);
      return handler(
        verb,
        items.map((item) => {
          const { log: _log, ...rest } = item as ReportItem;
          return rest;
        }),
      );
    }),
  },
  'a shard tells the newest line of a running attempt alone': {
    breaks: [7],
    within: 40,
    load: 'logs',
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'readLog') return results;
      return results.map((result) => {
        if (!('ok' in result)) return result;
        const { stored, lines } = result.ok as ReadLogResult;
        return { ok: { stored, lines: lines.slice(-1) } };
      });
    }),
  },
};
