/**
 * A map by words that people choose, in a file that zod reads. Its `z.record` leaves a member of the name `__proto__` out
 * without a word, as many libraries do: here it is refused by its path.
 */
import { z } from 'zod';

const lostName = '__proto__';

export function wordRecord<Word extends z.ZodType<string, string>, Value extends z.ZodType>(word: Word, value: Value) {
  return z
    .unknown()
    .superRefine((map, context) => {
      if (typeof map !== 'object' || map === null || !Object.hasOwn(map, lostName)) return;
      context.addIssue({ code: 'custom', path: [lostName], message: 'is no name that a file can give' });
    })
    .pipe(z.record(word, value));
}
