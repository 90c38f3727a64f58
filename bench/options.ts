/** Options of the bench's command line. */
import { parseArgs } from 'node:util';
import type { PublishedEvents } from '../src/domain/job.ts';
import { securities, type Security } from './harness/security.ts';
import type { StoreKind } from './harness/system.ts';
import { type PeerName, peerNames } from './peers/peer.ts';

/** W8, W9 and W10 take long, so they run only when they are asked for. */
const routine = ['W1', 'W2', 'W3', 'W4', 'W5', 'W6', 'W7'] as const;
const workloadNames = [...routine, 'W8', 'W9', 'W10'] as const;
export type WorkloadName = (typeof workloadNames)[number];

export interface BenchOptions {
  readonly stores: readonly StoreKind[];
  readonly only: ReadonlySet<WorkloadName>;
  /** Numbers of waiting jobs of W8, each in a cluster of its own. */
  readonly waitingJobs: readonly number[];
  /** Measured beside Troupe. */
  readonly peer: PeerName | undefined;
  /** A tenth of the sizes and one run each. For trying it out, not for figures. */
  readonly quick: boolean;
  /** A missed mark counts as a failure. */
  readonly strict: boolean;
  readonly profileDir: string | undefined;
  /** Which events the jobs publish, in all workloads but W8 to W10. */
  readonly events: PublishedEvents;
  /** What callers must show, and what is sealed or recorded, in all workloads but W8 to W10. */
  readonly security: Security;
}

export const usage = `npm run bench -- [options]
  --store sqlite|cassandra|both   default both
  --only W1,W3                    default W1 to W7
                                  W9, shard processes on a modelled store, runs once whatever the store
                                  W10, one tenant beside the flood of another
  --jobs 10000,100000             waiting jobs of W8, each number in a cluster of its own; default 10000
  --peer bullmq                   the same with BullMQ on Redis, side by side; installs them when they are not there
  --events ends                   the jobs publish their end alone; default all
  --security all                  none, tls, key, token, certificate, sealed, audited or all; default none
  --quick                         a tenth of the sizes, one run of each
  --strict                        exit code 1 when a mark is missed
  --profile DIR                   CPU profiles of the system under test into DIR`;

export class UsageError extends Error {}

export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  const store = values.store;
  if (store !== 'sqlite' && store !== 'cassandra' && store !== 'both') throw new UsageError(`--store ${store}`);
  const only = values.only?.split(',') ?? [...routine];
  for (const name of only) if (!isWorkload(name)) throw new UsageError(`--only ${name}`);
  const { peer, events, security } = values;
  if (!isSecurity(security)) throw new UsageError(`--security ${security}`);
  if (events !== 'all' && events !== 'ends') throw new UsageError(`--events ${events}`);
  if (peer !== undefined && !isPeer(peer)) throw new UsageError(`--peer ${peer}`);
  return {
    stores: store === 'both' ? ['sqlite', 'cassandra'] : [store],
    only: new Set(only.filter(isWorkload)),
    waitingJobs: values.jobs.split(',').map(numberOfJobs),
    peer,
    quick: values.quick,
    strict: values.strict,
    profileDir: values.profile,
    events,
    security,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        store: { type: 'string', default: 'both' },
        only: { type: 'string' },
        jobs: { type: 'string', default: '10000' },
        peer: { type: 'string' },
        quick: { type: 'boolean', default: false },
        strict: { type: 'boolean', default: false },
        profile: { type: 'string' },
        events: { type: 'string', default: 'all' },
        security: { type: 'string', default: 'none' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isWorkload(name: string): name is WorkloadName {
  return workloadNames.some((known) => known === name);
}

function isSecurity(name: string): name is Security {
  return securities.some((known) => known === name);
}

function isPeer(name: string): name is PeerName {
  return peerNames.some((known) => known === name);
}

/** Two for each queue of W8 at least. */
const fewestJobs = 2_000;

function numberOfJobs(text: string): number {
  const jobs = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (jobs < fewestJobs) throw new UsageError(`--jobs ${text}: at least ${fewestJobs}`);
  return jobs;
}
