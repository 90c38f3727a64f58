/**
 * The priority of a job among the waiting jobs of its queue: 0 (lowest) to 4, default 2.
 * A level is not absolute. On each node the levels of a queue share its starts by weight, so even under a flood of
 * higher levels the lowest gets one start in 31. If starts are rare, ageing applies as well: a level that was passed
 * over for an hour comes first.
 */
export const priorities = [0, 1, 2, 3, 4] as const;
export type Priority = (typeof priorities)[number];

export const defaultPriority: Priority = 2;

/** The weight of each level: its starts for each start of level 0, while both have waiting jobs. */
export const priorityWeights: Readonly<Record<Priority, number>> = { 0: 1, 1: 2, 2: 4, 3: 8, 4: 16 };

/** A level with waiting jobs that was passed over for this long gets the next start of its queue. */
export const priorityAgeingMs = 3_600_000;

export function isPriority(value: number): value is Priority {
  return (priorities as readonly number[]).includes(value);
}
