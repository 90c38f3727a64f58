/** What `troupe dev` was asked to do. */
import type { StartStep } from '../../compose/start-steps.ts';
import type { Config } from '../../config/index.ts';
import type { Terminal } from '../terminal.ts';

export interface DevOptions {
  readonly config: Config;
  /** Submit the sample jobs when the cluster is ready. */
  readonly samples: boolean;
  /** Run the samples to their end, print what became of them, stop. */
  readonly demo: boolean;
  readonly terminal: Terminal;
  /** For tests. */
  readonly onStep?: (step: StartStep) => void;
}
