/** The mailbox against plain arrays: order of what arrived, was stashed and was taken back, and both bounds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mailbox } from '../../../src/kernel/mailbox.ts';

test('behaves like three arrays with two bounds', () => {
  const operations = fc.array(fc.constantFrom('push', 'push', 'handle', 'stash', 'stash', 'stash a timer', 'unstash'), {
    maxLength: 100,
    size: 'max',
  });
  fc.assert(
    fc.property(operations, fc.integer({ min: 1, max: 6 }), (script, capacity) => {
      const mailbox = new Mailbox<number>(capacity);
      const arrived: number[] = [];
      const stashed: number[] = [];
      const takenBack: number[] = [];
      script.forEach((operation, n) => {
        if (operation === 'push') {
          const fits = arrived.length < capacity;
          expect(mailbox.push(n)).toBe(fits);
          if (fits) arrived.push(n);
        } else if (operation === 'unstash') {
          mailbox.unstashAll();
          takenBack.unshift(...stashed.splice(0));
        } else if (operation === 'stash a timer') {
          // what bypasses the mailbox may be stashed too, and makes no room first
          const fits = stashed.length + takenBack.length < capacity;
          expect(mailbox.stash(n)).toBe(fits);
          if (fits) stashed.push(n);
        } else if (mailbox.size > 0) {
          const next = takenBack.length > 0 ? takenBack.shift() : arrived.shift();
          const message = mailbox.next();
          expect(message).toBe(next);
          if (operation === 'stash') {
            const fits = stashed.length + takenBack.length < capacity;
            expect(mailbox.stash(message)).toBe(fits);
            if (fits) stashed.push(message);
          }
        }
        expect([mailbox.size, mailbox.stashedSize]).toEqual([arrived.length + takenBack.length, stashed.length]);
      });
    }),
  );
});
