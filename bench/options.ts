/** Options of the bench's command line. */
import { parseArgs } from 'node:util';
import type { StoreKind } from './harness/system.ts';

export const workloadNames = ['W1', 'W2', 'W3', 'W4', 'W5', 'W6', 'W7'] as const;
export type WorkloadName = (typeof workloadNames)[number];

export interface BenchOptions {
  readonly stores: readonly StoreKind[];
  readonly only: ReadonlySet<WorkloadName>;
  /** A tenth of the sizes and one run each. For trying it out, not for figures. */
  readonly quick: boolean;
  /** A missed mark counts as a failure. */
  readonly strict: boolean;
  readonly profileDir: string | undefined;
}

export const usage = `npm run bench -- [options]
  --store sqlite|cassandra|both   default both
  --only W1,W3                    default all
  --quick                         a tenth of the sizes, one run of each
  --strict                        exit code 1 when a mark is missed
  --profile DIR                   CPU profiles of the system under test into DIR`;

export class UsageError extends Error {}

export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  const store = values.store;
  if (store !== 'sqlite' && store !== 'cassandra' && store !== 'both') throw new UsageError(`--store ${store}`);
  const only = values.only?.split(',') ?? [...workloadNames];
  for (const name of only) if (!isWorkload(name)) throw new UsageError(`--only ${name}`);
  return {
    stores: store === 'both' ? ['sqlite', 'cassandra'] : [store],
    only: new Set(only.filter(isWorkload)),
    quick: values.quick,
    strict: values.strict,
    profileDir: values.profile,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        store: { type: 'string', default: 'both' },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        strict: { type: 'boolean', default: false },
        profile: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isWorkload(name: string): name is WorkloadName {
  return workloadNames.some((known) => known === name);
}
