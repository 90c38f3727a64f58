import { defineHandler, fail, reject } from 'troupe/handlers';
import { z } from 'zod';

/** Throws in the requested way. */
export default defineHandler({
  name: 'throws',
  input: z.object({ what: z.enum(['error', 'undefined', 'fail', 'reject', 'final', 'hostile']) }),
  async run({ what }) {
    await Promise.resolve();
    switch (what) {
      case 'error':
        throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
      case 'undefined':
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is what is tried here
        return Promise.reject(undefined);
      case 'fail':
        throw fail('upstream is away', { code: 'UPSTREAM' });
      case 'reject':
        throw reject('this is not an image', { code: 'NOT_AN_IMAGE' });
      case 'final':
        throw Object.assign(new Error('no use'), { retryable: false });
      case 'hostile':
        throw Object.assign(new Error('x'.repeat(100_000)), { stack: 'y'.repeat(100_000), toString: null });
    }
  },
});
