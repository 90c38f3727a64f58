/**
 * Priority of a job among those that wait in its queue: 0 (lowest) to 4, 2 when nothing is said. A level is not a wall: on
 * each node the levels of a queue share its starts by weight, so that the lowest still gets one in 31 under any flood; and
 * starts may be far apart, so that a level which was passed over for an hour comes first.
 */
export const priorities = [0, 1, 2, 3, 4] as const;
export type Priority = (typeof priorities)[number];

export const defaultPriority: Priority = 2;

/** Starts of a level beside one start of the lowest, while both have jobs that wait. */
export const priorityWeights: Readonly<Record<Priority, number>> = { 0: 1, 1: 2, 2: 4, 3: 8, 4: 16 };

/** A level with jobs that wait is passed over for so long; then the next start of its queue is its own. */
export const priorityAgeingMs = 3_600_000;

export function isPriority(value: number): value is Priority {
  return (priorities as readonly number[]).includes(value);
}
