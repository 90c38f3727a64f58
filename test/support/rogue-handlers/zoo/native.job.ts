import { pbkdf2Sync } from 'node:crypto';
import { defineHandler } from 'troupe/handlers';

/** Spends many seconds in native code, which no thread can be interrupted in. */
export default defineHandler({
  name: 'native',
  cancelGrace: '100ms',
  run() {
    return pbkdf2Sync('password', 'salt', 200_000_000, 64, 'sha512').toString('hex');
  },
});
