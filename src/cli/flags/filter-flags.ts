/** The flags that select jobs of a queue: `list`, `redrive`, `cancel`. */
import type { Command } from 'commander';
import type { JobFilterOptions } from '../../client/index.ts';
import type { FailureReason, JobState } from '../../domain/job.ts';
import { labelFlag, reasonFlag, stateFlag, textFlag, timeFlag } from './flag-values.ts';
import { given } from '../../domain/given.ts';

export interface FilterFlags {
  readonly queue?: string;
  readonly state?: readonly JobState[];
  readonly handler?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly from?: Date;
  readonly before?: Date;
  readonly endedFrom?: Date;
  readonly endedBefore?: Date;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--queue <name>', 'queue (default: default)', textFlag('queue'))
    .option('--state <state>', 'only jobs in this state; repeatable', stateFlag)
    .option('--handler <name>', 'only jobs of this handler', textFlag('handler'))
    .option('--label <name=value>', 'only jobs with this label; repeatable', labelFlag)
    .option('--from <time>', 'only jobs created at this time or later', timeFlag('from'))
    .option('--before <time>', 'only jobs created before this time', timeFlag('before'))
    .option('--ended-from <time>', 'only jobs that ended at this time or later', timeFlag('ended-from'))
    .option('--ended-before <time>', 'only jobs that ended before this time', timeFlag('ended-before'));
}

export function filterOf(flags: FilterFlags): JobFilterOptions {
  return given({
    queue: flags.queue,
    states: flags.state,
    handler: flags.handler,
    labels: flags.label,
    createdFrom: flags.from,
    createdBefore: flags.before,
    endedFrom: flags.endedFrom,
    endedBefore: flags.endedBefore,
  });
}

/** Flags of commands that select ended jobs. */
export interface EndedFilterFlags extends FilterFlags {
  readonly reason?: readonly FailureReason[];
  readonly kind?: string;
}

export function addEndedFilterFlags(command: Command): Command {
  const what = 'only jobs that failed for this reason, such as OUT_OF_MEMORY; repeatable';
  return addFilterFlags(command)
    .option('--reason <reason>', what, reasonFlag)
    .option('--kind <kind>', 'only jobs that failed like this: a KIND of `troupe failures`', textFlag('kind'));
}

export function endedFilterOf(flags: EndedFilterFlags): JobFilterOptions {
  return { ...filterOf(flags), ...given({ failureReasons: flags.reason, failureKind: flags.kind }) };
}
