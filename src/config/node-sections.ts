/** What a node does: shards, workers, how it stops and what it says. */
import { maxShards } from '../domain/job-id.ts';
import { defaultWorkerClass, workerClassPattern, workerClassText } from '../domain/worker-class.ts';
import { z } from 'zod';
import { key, path, wholeNumber } from './schema-key.ts';

/** Must equal `commitGroupMax` of the store port. A test compares them. */
const groupRecordsLimit = 500;

export const shardsSection = z.strictObject({
  count: key(wholeNumber(0, maxShards).default(0), {
    meaning: 'Shards of a cluster that is being created; what it was created with stays, whatever a node says later.',
    unit: 'shards',
    consequence: 'The most nodes that can share the work of deciding; many idle shards make small commits.',
    defaultNote: '0: 8 on the embedded store, 64 on Cassandra',
  }),
  weight: key(wholeNumber(0, 1_024).default(0), {
    meaning: "This node's share of the shards, compared with the weights of the others; 0 is one for each core.",
    consequence: 'A node of twice the weight owns twice the shards.',
    defaultNote: '0: all cores',
  }),
  leaseTtlMs: key(wholeNumber(1_000, 60_000).default(6_000), {
    meaning: 'How long a shard stays with an owner that no longer renews its lease.',
    unit: 'ms',
    consequence: 'Shorter: a dead owner is replaced sooner. Longer: a slow network costs no ownership.',
  }),
  leaseRenewalMs: key(wholeNumber(200, 30_000).default(2_000), {
    meaning: 'How often an owner renews its leases.',
    unit: 'ms',
    consequence: 'Must fit more than twice into `leaseTtlMs`, so that one lost renewal costs nothing.',
  }),
  backlogMax: key(wholeNumber(1, 10_000_000).default(200_000), {
    meaning: 'Unfinished jobs that one shard may hold.',
    unit: 'jobs',
    consequence:
      'They are held in memory, about 1 KiB each; past it submits are refused with BACKLOG_FULL, as they are while JetStream is away and about twice as many facts wait for it.',
  }),
  groupMaxRecords: key(wholeNumber(1, groupRecordsLimit).default(groupRecordsLimit), {
    meaning: 'Records in one group commit.',
    unit: 'records',
    consequence: 'Larger groups carry more per commit and make everyone in them wait longer.',
  }),
});

export const workersSection = z.strictObject({
  class: key(z.string().regex(workerClassPattern, `must be ${workerClassText}`).default(defaultWorkerClass), {
    meaning: 'The worker class of this node: workers that are made alike and scaled together.',
    consequence:
      'The demand that autoscalers are told is that of a class. It says nothing about which jobs the node takes.',
  }),
  cells: key(wholeNumber(1, 64).default(1), {
    meaning: 'Processes that the threads of this node are spread over.',
    unit: 'processes',
    consequence: 'A handler that kills its process takes the runs beside it along; each process costs about 50 MiB.',
  }),
  threads: key(wholeNumber(0, 1_024).default(0), {
    meaning: 'Worker threads of this node; 0 is one for each core.',
    unit: 'threads',
    consequence: 'More than cores only helps handlers that wait.',
    defaultNote: '0: all cores',
  }),
  handlerDirs: key(z.array(path).default([]), {
    meaning: 'Folders whose modules define handlers.',
    consequence: 'Loaded in threads only. A module that does not load is logged, and the others are served.',
    defaultNote: 'none',
  }),
  lookaheadMs: key(wholeNumber(0, 1_000).default(200), {
    meaning: 'Work fetched ahead of a free thread, measured in expected run time.',
    unit: 'ms',
    consequence:
      'Keeps threads fed when jobs are short, and lets the outcomes of a busy node wait for company for half of it, so that ' +
      'they share a commit; more of it keeps jobs from other nodes that are free.',
  }),
  memoryMb: key(wholeNumber(32, 65_536).default(512), {
    meaning: 'Heap of one thread, unless the handler states its own.',
    unit: 'MiB',
    consequence: 'A handler that needs more ends with OUT_OF_MEMORY. Plan `threads` times this.',
  }),
  memoryMaxMb: key(wholeNumber(32, 65_536).default(4_096), {
    meaning: 'Largest heap of one thread that a handler may ask for.',
    unit: 'MiB',
    consequence: 'A handler that asks for more is not served by this node; repeats after OUT_OF_MEMORY end here.',
  }),
  cellRssMaxMb: key(wholeNumber(0, 1_048_576).default(0), {
    meaning: 'Resident memory of one cell process, buffers included; 0 is 80 % of the memory there is, over the cells.',
    unit: 'MiB',
    consequence:
      'Past it the run that holds most ends with OUT_OF_MEMORY if the runs hold half of it; a cell that stays above is replaced.',
    defaultNote: '0: 80 % over the cells',
  }),
  cellRunsMax: key(wholeNumber(0, 1_000_000_000).default(0), {
    meaning: 'Runs after which a cell process is replaced by a new one.',
    unit: 'runs',
    consequence: 'Helps against libraries that leak. No run is lost; the new process starts beside the old one.',
    defaultNote: '0: never',
  }),
  cancelGraceMs: key(wholeNumber(0, 300_000).default(1_000), {
    meaning: 'From the signal to stop until the thread is terminated.',
    unit: 'ms',
    consequence: 'Handlers use it to tidy up; a loop that does not look costs its thread after it.',
  }),
});

export const shutdownSection = z.strictObject({
  graceMs: key(wholeNumber(0, 3_600_000).default(20_000), {
    meaning: 'From the first SIGTERM or Ctrl-C until runs are cut off and handed to other nodes.',
    unit: 'ms',
    consequence: 'Give the supervisor of the process (Kubernetes: terminationGracePeriodSeconds) a few seconds more.',
  }),
});

export const logSection = z.strictObject({
  level: key(z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    meaning: 'Least level that is written.',
    consequence: '`debug` writes a line per message and costs throughput.',
  }),
  pretty: key(z.boolean().default(false), {
    meaning: 'Lines for people instead of JSON for machines.',
    consequence: 'Slower; for a terminal. `troupe dev` turns it on there.',
  }),
});
