/** Options of `troupe dev`. */
import type { StartStep } from '../../compose/start-steps.ts';
import type { Config } from '../../config/index.ts';
import type { Terminal } from '../text/terminal.ts';

export interface DevOptions {
  readonly config: Config;
  /** Submit the sample jobs once the cluster is ready. */
  readonly samples: boolean;
  /** Run the samples to their end, print the report, and stop. */
  readonly demo: boolean;
  readonly terminal: Terminal;
  /** Called after each step of the start. For tests. */
  readonly onStep?: (step: StartStep) => void;
}
