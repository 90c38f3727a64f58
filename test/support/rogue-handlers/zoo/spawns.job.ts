import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Starts processes, logs their process ids, and ends in the requested way once a file exists. */
export default defineHandler({
  name: 'spawns',
  input: z.object({
    how: z.enum(['plain', 'tree', 'own session', 'blocking']),
    then: z.enum(['waits', 'loops', 'returns', 'exits', 'throws', 'fills', 'kills']).default('waits'),
    onceThere: z.string().default('/'),
  }),
  cancelGrace: '100ms',
  async run({ how, then, onceThere }, ctx) {
    if (how === 'blocking') {
      ctx.log.info('0');
      execFileSync('/bin/sleep', ['600']);
      return;
    }
    const child =
      how === 'tree'
        ? spawn('/bin/sh', ['-c', '/bin/sleep 600 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
        : spawn('/bin/sleep', ['600'], { stdio: ['ignore', 'pipe', 'ignore'], detached: how === 'own session' });
    ctx.log.info(String(child.pid));
    if (how === 'tree') {
      const grandchild: unknown = await new Promise((told) => child.stdout.once('data', told));
      ctx.log.info(String(grandchild));
    }
    while (!existsSync(onceThere)) await sleep(10);
    switch (then) {
      case 'waits':
        return new Promise<undefined>((resolve) => child.once('exit', () => resolve(undefined)));
      case 'loops':
        for (;;);
      case 'returns':
        return;
      case 'exits':
        return process.exit(3);
      case 'throws':
        setTimeout(() => {
          throw new Error('late');
        });
        return new Promise<undefined>(() => undefined);
      case 'fills': {
        let hoard: unknown = undefined;
        for (;;) hoard = { hoard };
      }
      case 'kills':
        process.kill(process.pid, 'SIGKILL');
        return new Promise<undefined>(() => undefined);
    }
  },
});
