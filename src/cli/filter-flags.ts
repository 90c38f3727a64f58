/** The flags by which commands choose jobs of a queue: `list`, `redrive`, `cancel`. */
import type { Command } from 'commander';
import type { JobFilterOptions } from '../client/index.ts';
import type { JobState } from '../domain/job.ts';
import { given, labelFlag, stateFlag, timeFlag } from './flag-values.ts';

export interface FilterFlags {
  readonly queue?: string;
  readonly state?: readonly JobState[];
  readonly handler?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly from?: Date;
  readonly before?: Date;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--queue <name>', 'the queue (default)')
    .option('--state <state>', 'only jobs in this state; may be repeated', stateFlag)
    .option('--handler <name>', 'only jobs of this handler')
    .option('--label <name=value>', 'only jobs with this label; may be repeated', labelFlag)
    .option('--from <time>', 'only jobs created at this time or later', timeFlag('from'))
    .option('--before <time>', 'only jobs created before this time', timeFlag('before'));
}

export function filterOf(flags: FilterFlags): JobFilterOptions {
  return given({
    queue: flags.queue,
    states: flags.state,
    handler: flags.handler,
    labels: flags.label,
    createdFrom: flags.from,
    createdBefore: flags.before,
  });
}
