/** Measures the load of other processes while the bench is idle. It distorts all figures. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const lookMs = 2_000;

function busyAndTotal(): readonly [number, number] {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    total += used + times.idle;
  }
  return [busy, total];
}

/** The busy share of all cores, 0 to 1. */
export async function otherLoad(): Promise<number> {
  const [busyBefore, totalBefore] = busyAndTotal();
  await sleep(lookMs);
  const [busy, total] = busyAndTotal();
  return (busy - busyBefore) / Math.max(1, total - totalBefore);
}
