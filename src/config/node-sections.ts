/** What a node does: shards, workers, how it stops and what it logs. */
import { maxShards } from '../domain/job-id.ts';
import { allTenants } from '../domain/tenant-pool.ts';
import { defaultWorkerClass, workerClassPattern, workerClassText } from '../domain/worker-class.ts';
import { z } from 'zod';
import { key, path, wholeNumber } from './schema-key.ts';
import { secretKeys } from './secret-keys.ts';

/** Must equal `commitGroupMax` of the store port. A test compares them. */
const groupRecordsLimit = 500;

export const shardsSection = z.strictObject({
  count: key(wholeNumber(0, maxShards).default(0), {
    meaning: 'Number of shards. Used only when the cluster is created; later values are ignored.',
    unit: 'shards',
    consequence: 'It is the largest number of nodes that can own shards. Many idle shards make small commits.',
    defaultNote: '0: 8 on the embedded store, 64 on Cassandra',
  }),
  weight: key(wholeNumber(0, 1_024).default(0), {
    meaning: "This node's share of the shards, relative to the weights of the others; 0 counts one per core.",
    consequence: 'A node with twice the weight owns twice the shards.',
    defaultNote: '0: all cores',
  }),
  leaseTtlMs: key(wholeNumber(1_000, 60_000).default(6_000), {
    meaning: 'How long a shard stays with an owner that no longer renews its lease.',
    unit: 'ms',
    consequence:
      'With a shorter lease a dead owner is replaced sooner. With a longer one a slow network costs no ownership.',
  }),
  leaseRenewalMs: key(wholeNumber(200, 30_000).default(2_000), {
    meaning: 'How often an owner renews its leases.',
    unit: 'ms',
    consequence: '`leaseTtlMs` must be more than twice as long, so that one lost renewal costs nothing.',
  }),
  backlogMax: key(wholeNumber(1, 10_000_000).default(200_000), {
    meaning: 'Unfinished jobs that one shard may hold.',
    unit: 'jobs',
    consequence:
      'They are held in memory, see `memoryMaxMb`. Past the limit submits are refused with BACKLOG_FULL, those of one tenant when it has nine times what is free (alone: nine tenths). The same happens while JetStream is away and about twice as many facts wait for it.',
  }),
  memoryMaxMb: key(wholeNumber(0, 1_048_576).default(0), {
    meaning:
      'Heap that the unfinished jobs of all shards of this process may take, by estimate; 0 is half of the heap limit.',
    unit: 'MiB',
    consequence:
      'A job takes about 1 KiB and the size of its inline input; from a quarter of the limit or 128 MiB on, one far from its turn takes 85 bytes. Past the limit submits are refused with BACKLOG_FULL, those of one tenant at nine tenths of it. Accepted jobs go on.',
    defaultNote: '0: half of the heap limit',
  }),
  groupMaxRecords: key(wholeNumber(1, groupRecordsLimit).default(groupRecordsLimit), {
    meaning: 'Records in one group commit.',
    unit: 'records',
    consequence: 'Larger groups commit more at once, and every caller in them waits longer.',
  }),
});

const tenants = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9_-]{0,63}\*|[A-Za-z0-9_-]{1,64})$/,
    'must be a tenant (1 to 64 of A-Z a-z 0-9 _ -), or the beginning of one and *',
  );

export const workersSection = z.strictObject({
  class: key(z.string().regex(workerClassPattern, `must be ${workerClassText}`).default(defaultWorkerClass), {
    meaning: 'The worker class of this node. Workers of one class are made alike and scaled together.',
    consequence: 'Autoscalers get the demand of each class. The class does not decide which jobs the node runs.',
  }),
  tenants: key(
    z
      .array(tenants)
      .min(1)
      .max(100)
      .default([...allTenants]),
    {
      meaning:
        'Tenants whose jobs this node takes: names, beginnings of names with `*`, and `*` for every tenant that is not dedicated.',
      consequence:
        'Jobs of other tenants never run here. A dedicated tenant runs only on nodes that name it, or the beginning of its name. Shards enforce both.',
      defaultNote: 'all that are not dedicated',
    },
  ),
  cells: key(wholeNumber(1, 64).default(1), {
    meaning: 'Cell processes over which the threads of this node are spread.',
    unit: 'processes',
    consequence: 'A handler that kills its process also ends the attempts beside it. Each process costs about 50 MiB.',
  }),
  secrets: secretKeys,
  cellUid: key(wholeNumber(1, 2 ** 31 - 1).optional(), {
    meaning: 'User under which the cells of this node run, and group of the same number.',
    consequence:
      'Handlers then read neither the environment nor the memory of the node, cannot signal it, and cannot read the memory of their own cell by /proc. The node must run as root, or it does not start. That user must be able to read handlers and packages, and to pass the folders above `workers.scratchDir`.',
    defaultNote: 'the user of the node',
  }),
  threads: key(wholeNumber(0, 1_024).default(0), {
    meaning: 'Threads of this node that run jobs; 0 is one per core.',
    unit: 'threads',
    consequence: 'More threads than cores help only handlers that wait.',
    defaultNote: '0: all cores',
  }),
  handlerDirs: key(z.array(path).default([]), {
    meaning: 'Folders with the modules that define handlers.',
    consequence: 'They are loaded in threads only. A module that does not load is logged, and the others are served.',
    defaultNote: 'none',
  }),
  lookaheadMs: key(wholeNumber(0, 1_000).default(200), {
    meaning: 'Work fetched before a thread is free, measured in expected run time.',
    unit: 'ms',
    consequence:
      'Keeps threads busy when jobs are short. On a busy node outcomes also wait up to half of it, so that they share a ' +
      'commit. A larger value keeps jobs from other nodes that are free.',
  }),
  memoryMb: key(wholeNumber(32, 65_536).default(512), {
    meaning: 'Heap of one thread, unless the handler sets its own.',
    unit: 'MiB',
    consequence: 'A handler that needs more ends with OUT_OF_MEMORY. The node needs up to `threads` times as much.',
  }),
  memoryMaxMb: key(wholeNumber(32, 65_536).default(4_096), {
    meaning: 'Largest heap of one thread that a handler may request.',
    unit: 'MiB',
    consequence:
      'This node does not serve a handler that requests more. Repeats after OUT_OF_MEMORY go up to this heap.',
  }),
  cellRssMaxMb: key(wholeNumber(0, 1_048_576).default(0), {
    meaning:
      'Resident memory of one cell process, buffers included; 0 is 80 % of the available memory, divided among the cells.',
    unit: 'MiB',
    consequence:
      'Past it the attempt that holds most ends with OUT_OF_MEMORY, if the attempts hold half of it. A cell that stays above is replaced.',
    defaultNote: '0: 80 %, divided among the cells',
  }),
  cellRunsMax: key(wholeNumber(0, 1_000_000_000).default(0), {
    meaning: 'Attempts after which a new cell process replaces the old one.',
    unit: 'attempts',
    consequence:
      'Helps against libraries that leak. No attempt is lost, because the new process starts beside the old one.',
    defaultNote: '0: never',
  }),
  scratchDir: key(path.optional(), {
    meaning: 'Folder for inputs that handlers take as files (`ctx.input.file()`).',
    consequence:
      'It must be on a disk of this machine, of which `objects.files.reserveBytes` are left free. A file goes when its attempt ends, also if its cell dies. Processes may share the folder, containers may not: what a process has left is known by its id.',
    defaultNote: '`scratch` in `dataDir`',
  }),
  scratchMaxBytes: key(wholeNumber(0, 64 * 1_024 ** 4).default(8 * 1_024 ** 3), {
    meaning: 'Space of those files together.',
    unit: 'bytes',
    consequence:
      'An attempt that needs more than is free waits. An input above the limit is refused as a file, and still read as a stream.',
  }),
  cellScratchMaxBytes: key(wholeNumber(1_024 ** 2, 64 * 1_024 ** 4).default(1_024 ** 3), {
    meaning: 'What the attempts of one cell may write into `workers.scratchDir` beside their inputs.',
    unit: 'bytes',
    consequence:
      'Past it, or past 100,000 files, the cell ends with its attempts: those that wrote there fail, the others run again uncounted. The disk needs `scratchMaxBytes`, this for each cell, and what attempts can write in a second or two.',
  }),
  cancelGraceMs: key(wholeNumber(0, 300_000).default(1_000), {
    meaning: 'Time from the stop signal until the thread is terminated.',
    unit: 'ms',
    consequence: 'Handlers use it to clean up. A loop that ignores the signal loses its thread afterwards.',
  }),
});

export const shutdownSection = z.strictObject({
  graceMs: key(wholeNumber(0, 3_600_000).default(20_000), {
    meaning: 'Time from the first SIGTERM or Ctrl-C until running attempts are stopped and released to other nodes.',
    unit: 'ms',
    consequence: 'Give the process supervisor (Kubernetes: terminationGracePeriodSeconds) a few seconds more.',
  }),
});

export const logSection = z.strictObject({
  level: key(z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    meaning: 'Lowest level that is written.',
    consequence: '`debug` writes a line per message and costs throughput.',
  }),
  pretty: key(z.boolean().default(false), {
    meaning: 'Readable lines instead of JSON.',
    consequence: 'Slower, and meant for a terminal. `troupe dev` turns it on there.',
  }),
});
