/** Priority of a job among those that wait in its queue: 0 (lowest) to 4, 2 when nothing is said. */
export const priorities = [0, 1, 2, 3, 4] as const;
export type Priority = (typeof priorities)[number];

export const defaultPriority: Priority = 2;
