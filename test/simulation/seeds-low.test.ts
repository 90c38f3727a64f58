import { describeSeeds, seedsInAll } from '../support/simulation/seed-suite.ts';

describeSeeds(1, seedsInAll / 2);
