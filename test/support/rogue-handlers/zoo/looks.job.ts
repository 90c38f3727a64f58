import { readdirSync, readlinkSync } from 'node:fs';
import { defineHandler } from 'troupe/handlers';

/** Reports what it can see of the process that it runs in. */
export default defineHandler({
  name: 'looks',
  run() {
    const attempt = (act: () => unknown): string => {
      try {
        return String(act());
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : 'threw';
      }
    };
    const descriptors = readdirSync('/proc/self/fd').map((fd) => attempt(() => readlinkSync(`/proc/self/fd/${fd}`)));
    return {
      env: { ...process.env },
      argv: process.argv.slice(2),
      send: attempt(() => process.send?.('hello')),
      channel: attempt(() => process.channel),
      connected: attempt(() => process.connected),
      disconnect: attempt(() => process.disconnect),
      descriptors,
    };
  },
});
