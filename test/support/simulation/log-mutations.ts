/** Seeded bugs in the logs of attempts. */
import type { CompleteItem, LogItem, LogResult } from '../../../src/application/shard-protocol.ts';
import { onHandler } from './mutation.ts';
import type { Mutation } from './mutation.ts';

export const logMutations: Readonly<Record<string, Mutation>> = {
  'the log of an attempt is not kept with its outcome': {
    breaks: [7],
    within: 20,
    load: 'logs',
    change: onHandler((handler) => (verb, items) => {
      if (verb !== 'complete') return handler(verb, items);
      return handler(
        verb,
        items.map((item) => {
          const { log: _log, ...rest } = item as CompleteItem;
          return rest;
        }),
      );
    }),
  },
  'a new owner takes the middle of a log for its beginning': {
    breaks: [7],
    within: 150,
    load: 'logs',
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'log') return results;
      return Promise.all(
        results.map(async (result, index) => {
          const item = items[index] as LogItem;
          const isBehind =
            'ok' in result && ((result.ok as LogResult & { through?: number }).through ?? item.after) < item.after;
          return isBehind ? ((await handler(verb, [{ ...item, after: 0 }]))[0] ?? result) : result;
        }),
      );
    }),
  },
};
