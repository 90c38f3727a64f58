/** Formats what a tenant felt of the flood of another. The ratio is to the slower of both times when it was alone. */
import type { FloodResult } from '../workloads/flood.ts';
import { percentiles, table, whole } from './table.ts';

/** A flood may make the slowest hundredth so many times slower. */
const markRatio = 2;

export function floodTable(results: readonly FloodResult[]): string {
  const alone = results.filter(({ flood }) => flood === undefined);
  const aloneMs = Math.max(...alone.map(({ calm }) => calm.completed.p99));
  return table(
    ['W10 flood', 'accepted, refused', 'calm: submit to start', 'calm: completion seen', 'p99 of it'],
    results.map(({ name, flood, calm }) => {
      const ratio = calm.completed.p99 / aloneMs;
      return [
        name,
        flood === undefined ? '' : `${whole(flood.acceptedPerSecond)}/s, ${whole(flood.refusedPerSecond)}/s`,
        percentiles(calm.started),
        percentiles(calm.completed),
        flood === undefined ? '' : `${ratio.toFixed(1)} (mark ${markRatio}${ratio <= markRatio ? '' : ', missed'})`,
      ];
    }),
  );
}
