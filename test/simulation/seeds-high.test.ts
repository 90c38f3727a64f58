import { describeSeeds, seedsInAll } from '../support/simulation/seed-suite.ts';

describeSeeds(seedsInAll / 2 + 1, seedsInAll);
