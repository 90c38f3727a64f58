/** Seeded bugs in the lists of unfinished jobs. */
import { type Mutation, onStore } from './mutation.ts';

const where = { scenario: 'long', load: 'far jobs' } as const;

export const listMutations: Readonly<Record<string, Mutation>> = {
  'a list of unfinished jobs counts although its minute had commits since': {
    ...where,
    breaks: [1, 2],
    within: 60,
    firstTried: 47,
    change: onStore((_jobs, { data }) => ({
      findUnfinished: (partition) => Promise.resolve(data.list(partition)?.ids),
    })),
  },
  'a list of unfinished jobs lacks one': {
    ...where,
    breaks: [1, 2],
    within: 40,
    change: onStore((jobs) => ({
      listUnfinished: (partition, { commits, ids }) => jobs.listUnfinished(partition, { commits, ids: ids.slice(1) }),
    })),
  },
};
