/** The rogue handlers as a table: how each is started and what is expected of it in a whole cluster. */

export interface Rogue {
  /** Completes the sentence "a handler that …". */
  readonly what: string;
  readonly handler: string;
  readonly input?: unknown;
  readonly executionTimeoutMs?: number;
  readonly heartbeatTimeoutMs?: number;
  /** Default 2, so that a retry is seen. */
  readonly maxAttempts?: number;
  readonly state: 'SUCCEEDED' | 'FAILED';
  readonly reason?: string;
  /** Must match the message of the failure. */
  readonly message?: RegExp;
  readonly attempts: number;
  readonly failures: number;
  /** Default `failures`. Higher where V8 may also end the thread in an orderly way before it aborts the process. */
  readonly failuresMax?: number;
  readonly losses: number;
  /** Default: exactly `losses`. Higher where V8 may choose between the two. */
  readonly lossesMax?: number;
  /** Default 0. */
  readonly oomRetries?: number;
  /** The number of attempts with this outcome in `troupe_runs_total`. */
  readonly counted: { readonly outcome: string; readonly runs: number };
  /** What happens to the cell: it lives, dies by itself or is killed by its node. */
  readonly cell?: 'lives' | 'died' | 'killed';
}

const failsTwice = { state: 'FAILED', attempts: 2, failures: 2, losses: 0 } as const;
const failsOnce = { state: 'FAILED', attempts: 1, failures: 1, losses: 0 } as const;
const succeeds = { state: 'SUCCEEDED', attempts: 1, failures: 0, losses: 0 } as const;
const counted = (outcome: string, runs = 2) => ({ reason: outcome, counted: { outcome, runs } }) as const;

/**
 * A process that dies first takes the attempt with it as a suspect, which counts as the first of three convictions.
 * Then the job runs alone and brings its process down twice more.
 */
const convicted: Omit<Rogue, 'what' | 'handler'> = {
  state: 'FAILED',
  reason: 'POISON',
  attempts: 3,
  failures: 0,
  losses: 3,
  maxAttempts: 9,
  counted: { outcome: 'lost', runs: 3 },
  cell: 'died',
  message: /brought its process down 3 times/,
};

export const rogues: readonly Rogue[] = [
  {
    what: 'throws',
    handler: 'throws',
    input: { what: 'error' },
    ...failsTwice,
    ...counted('HANDLER_FAILED'),
    message: /the disk is full/,
  },
  {
    what: 'rejects with undefined',
    handler: 'throws',
    input: { what: 'undefined' },
    ...failsTwice,
    ...counted('HANDLER_FAILED'),
    message: /undefined was thrown/,
  },
  {
    what: 'rejects for good',
    handler: 'throws',
    input: { what: 'reject' },
    ...failsOnce,
    ...counted('HANDLER_REJECTED', 1),
  },
  { what: 'exits the process', handler: 'exits', ...failsTwice, ...counted('THREAD_CRASHED'), message: /exit code 3/ },
  {
    what: 'loops for ever',
    handler: 'endless',
    executionTimeoutMs: 400,
    ...failsTwice,
    ...counted('ATTEMPT_TIMED_OUT'),
  },
  {
    what: 'gives no sign of life',
    handler: 'endless',
    heartbeatTimeoutMs: 1_000,
    maxAttempts: 1,
    ...failsOnce,
    ...counted('HEARTBEAT_LOST', 1),
  },
  { what: 'never settles', handler: 'never', executionTimeoutMs: 300, ...failsTwice, ...counted('ATTEMPT_TIMED_OUT') },
  {
    what: 'blocks in native code',
    handler: 'native',
    executionTimeoutMs: 300,
    maxAttempts: 1,
    ...failsOnce,
    ...counted('ATTEMPT_TIMED_OUT', 1),
    cell: 'killed',
  },
  {
    what: 'fills its heap with small objects',
    handler: 'hoards',
    ...failsTwice,
    // V8 may abort the process instead, which does not count as a failure.
    lossesMax: 2,
    ...counted('OUT_OF_MEMORY'),
    message: /\(128 MiB\)$/,
  },
  {
    what: 'needs more heap, and may have it',
    handler: 'needs',
    input: { mb: 180 },
    maxAttempts: 1,
    ...succeeds,
    attempts: 2,
    oomRetries: 1,
    counted: { outcome: 'OUT_OF_MEMORY', runs: 1 },
  },
  { what: 'grows one huge array until V8 aborts', handler: 'explodes', ...convicted, failuresMax: 4 },
  { what: 'kills its process', handler: 'kills', ...convicted },
  {
    what: 'hoards ArrayBuffers',
    handler: 'grows',
    ...failsTwice,
    ...counted('OUT_OF_MEMORY'),
    message: /reached its 1000 MiB/,
  },
  {
    what: 'leaves a rejection unhandled',
    handler: 'strays',
    input: { what: 'rejection' },
    ...failsTwice,
    ...counted('THREAD_CRASHED'),
    message: /nobody awaits me/,
  },
  {
    what: 'returns and leaves a timer, a child process, a thread or a server behind',
    handler: 'leaves',
    input: { what: 'child' },
    ...succeeds,
    counted: { outcome: 'succeeded', runs: 1 },
  },
  {
    what: 'throws in a timer',
    handler: 'strays',
    input: { what: 'timer' },
    ...failsTwice,
    ...counted('THREAD_CRASHED'),
    message: /nobody catches me/,
  },
  {
    what: 'returns a function',
    handler: 'uncloneable',
    input: { what: 'function' },
    ...failsOnce,
    ...counted('INVALID_OUTPUT', 1),
  },
  {
    what: 'returns a cycle',
    handler: 'uncloneable',
    input: { what: 'cycle' },
    ...failsOnce,
    ...counted('INVALID_OUTPUT', 1),
  },
  {
    what: 'dies when its thread imports it',
    handler: 'dies-in-thread',
    ...failsTwice,
    ...counted('THREAD_CRASHED'),
    message: /exit code 9/,
  },
  {
    what: 'floods progress, notes and output',
    handler: 'floods',
    input: { times: 100_000 },
    ...succeeds,
    counted: { outcome: 'succeeded', runs: 1 },
  },
  {
    what: 'floods its cell with messages of its own',
    handler: 'floods',
    input: { times: 10_000_000, raw: true },
    ...failsTwice,
    ...counted('THREAD_CRASHED'),
    message: /flooded/,
  },
  {
    what: 'returns 100 MB',
    handler: 'bulky',
    input: { mb: 100 },
    ...failsOnce,
    ...counted('INVALID_OUTPUT', 1),
    message: /104857600 bytes/,
  },
  ...['objects', 'arrays', 'promises', 'globals', 'atomics', 'ports', 'shared memory'].map((what): Rogue => ({
    what: `tampers with ${what}`,
    handler: 'tampers',
    input: { what },
    ...succeeds,
    counted: { outcome: 'succeeded', runs: 1 },
  })),
];

/** Files that cannot be served, and what the log says about each. */
export const brokenFiles: Readonly<
  Record<string, { readonly source: string; readonly handler: string; readonly reason: RegExp }>
> = {
  'misspelt.job.ts': {
    source:
      "import { defineHandler } from 'troupe/handlers';\nexport default defineHandler({ name: 'misspelt', run: () => {{{ });\n",
    handler: 'misspelt',
    reason: /Expected|Unexpected|syntax/i,
  },
  'dies-at-import.job.ts': {
    source:
      "import { defineHandler } from 'troupe/handlers';\nprocess.exit(9);\nexport default defineHandler({ name: 'dies-at-import', run: () => 1 });\n",
    handler: 'dies-at-import',
    reason: /its import ended the thread/,
  },
};
