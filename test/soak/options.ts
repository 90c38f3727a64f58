/** What `npm run soak` takes. A run is named by its seed: the same faults at the same pace, on a machine that has its own. */
import { parseArgs } from 'node:util';

export type SoakStore = 'sqlite' | 'cassandra';

export interface SoakOptions {
  readonly store: SoakStore;
  /** Accepted at least; the load goes on until the last fault is over. */
  readonly jobs: number;
  readonly faults: number;
  readonly seed: number;
  readonly nodes: number;
  /** Names of the faults to choose from; empty for all that this machine and store allow. */
  readonly only: readonly string[];
  /** The HTML page; the figures lie beside it as JSON. */
  readonly report: string;
}

export const soakHelp = `npm run soak -- [options]: a cluster of real processes under load and faults, its history checked

  --store sqlite|cassandra   where jobs live                                    [sqlite]
  --jobs N                   accepted at least                                  [2000]
  --faults N                 injected one after the other                       [20]
  --seed N                   decides which faults, and when                     [1]
  --nodes N                  processes, each gateway, shards and workers        [3]
  --only a,b                 these faults alone; a wrong name lists them all
  --report FILE              HTML page; FILE.json has the figures               [build/soak.html]

Ends with 0 when every promise was kept, 1 when not, 2 on wrong usage.`;

/** A mistake in the command line, in words for the terminal. */
export class SoakUsageError extends Error {
  override readonly name = 'SoakUsageError';
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new SoakUsageError(`--${name} must be a whole number from ${least} to ${most}, not "${text}"`);
}

export function readSoakOptions(argv: readonly string[], faultNames: readonly string[]): SoakOptions | 'help' {
  const { values } = parse(argv);
  if (values.help) return 'help';
  const { store } = values;
  if (store !== 'sqlite' && store !== 'cassandra')
    throw new SoakUsageError(`--store must be sqlite or cassandra, not "${store}"`);
  const only = values.only === '' ? [] : values.only.split(',');
  const unknown = only.filter((name) => !faultNames.includes(name));
  if (unknown.length > 0)
    throw new SoakUsageError(`--only names no fault with ${unknown.join(', ')}; there are ${faultNames.join(', ')}`);
  return {
    store,
    only,
    jobs: wholeNumber('jobs', values.jobs, 1, 10_000_000),
    faults: wholeNumber('faults', values.faults, 0, 1_000_000),
    seed: wholeNumber('seed', values.seed, 1, 2 ** 31 - 1),
    nodes: wholeNumber('nodes', values.nodes, 1, 9),
    report: values.report,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        store: { type: 'string', default: 'sqlite' },
        jobs: { type: 'string', default: '2000' },
        faults: { type: 'string', default: '20' },
        seed: { type: 'string', default: '1' },
        nodes: { type: 'string', default: '3' },
        only: { type: 'string', default: '' },
        report: { type: 'string', default: 'build/soak.html' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new SoakUsageError(error instanceof Error ? error.message : String(error));
  }
}
