/**
 * A map whose keys people choose. zod's `z.record` silently drops a key `__proto__`, as many libraries do, and whoever
 * wrote it would believe that it is there. Here it is refused, with its path.
 */
import { z } from 'zod';

const lostName = '__proto__';

export function wordRecord<Word extends z.ZodType<string, string>, Value extends z.ZodType>(word: Word, value: Value) {
  return z
    .custom<z.input<z.ZodRecord<Word, Value>>>()
    .superRefine((map: unknown, context) => {
      if (typeof map !== 'object' || map === null || !Object.hasOwn(map, lostName)) return;
      context.addIssue({ code: 'custom', path: [lostName], message: 'is not an allowed name; choose another one' });
    })
    .pipe(z.record(word, value));
}
