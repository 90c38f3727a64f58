/**
 * Restarts nats-server after its disk was full. Such a server keeps its streams in failure even when there is room
 * again. So it is restarted if JetStream has failed for `patienceMs`, the connection is up, and the disk has room.
 * While the disk is full, the terminal shows which disk it is.
 */
import { statfs } from 'node:fs/promises';
import type { Trouble } from '../../application/cluster/vital-signs.ts';

const lookMs = 2_000;
const patienceMs = 10_000;
/** With less room the disk would be full again at once. */
const roomMinBytes = 4 * 1_048_576;

export interface HealNatsOptions {
  readonly storeDir: string;
  readonly troubles: () => readonly Trouble[];
  readonly restart: (why: string) => Promise<void>;
  readonly say: (line: string) => void;
}

/** Starts watching. Returns a function that stops it. */
export function healNats(options: HealNatsOptions): () => void {
  let isTold = false;
  let isLooking = false;
  const look = async (): Promise<void> => {
    const trouble = options
      .troubles()
      .find(({ sign, sinceMs }) => sign !== 'store' && performance.now() - sinceMs >= patienceMs);
    if (trouble === undefined) {
      isTold = false;
      return;
    }
    const { bavail, bsize } = await statfs(options.storeDir);
    if (bavail * bsize >= roomMinBytes) {
      await options.restart(trouble.reason);
    } else if (!isTold) {
      isTold = true;
      options.say(`the disk under ${options.storeDir} is full: ${trouble.reason}; work continues once there is room`);
    }
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }, lookMs);
  return () => {
    clearInterval(timer);
  };
}
