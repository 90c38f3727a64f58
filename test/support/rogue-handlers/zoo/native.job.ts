import { pbkdf2Sync } from 'node:crypto';
import { defineHandler } from 'troupe/handlers';

/** Many seconds inside native code, which no thread can be taken out of. */
export default defineHandler({
  name: 'native',
  cancelGrace: '100ms',
  run() {
    return pbkdf2Sync('password', 'salt', 200_000_000, 64, 'sha512').toString('hex');
  },
});
