/**
 * Three questions that an operator asks first: does work flow, do runs succeed, are these figures fresh? The rules are here
 * and nowhere else. They are pure, and each verdict says why it came out as it did and what to do next.
 *
 * What somebody has paused does not count as waiting. What is not known is no reason for a verdict: without the permission
 * to see nodes the slots are not known, and a cluster in which nothing has run lately cannot be judged by its runs.
 */

/** `doubtful`: not quite, or not for sure. `unknown`: nothing is known that could decide it. */
type VerdictGrade = 'good' | 'doubtful' | 'bad' | 'unknown';

export interface Verdict {
  readonly grade: VerdictGrade;
  /** One plain sentence. */
  readonly sentence: string;
  /** The likeliest cause. Empty if all is well. */
  readonly cause: string;
  /** The command to go on with. Empty if there is nothing to do. */
  readonly command: string;
}

export interface FlowFacts {
  /** QUEUED jobs. */
  readonly waiting: number;
  /** Those of them whose queue or tenant is paused. */
  readonly pausedWaiting: number;
  /** Those of queues in quarantine. */
  readonly quarantinedWaiting: number;
  /** Those that no live worker can run. */
  readonly unservedWaiting: number;
  /** Those of queues of which as many jobs run as may run. */
  readonly limitedWaiting: number;
  readonly running: number;
  /** Since when the oldest of those that nobody has paused waits. 0 if none does. */
  readonly oldestWaitMs: number;
  readonly arrivalsPerSecond: number;
  readonly startsPerSecond: number;
  /** Whether any live worker takes jobs of the tenant. */
  readonly hasWorkers: boolean;
  /** Threads of live workers. Absent if the caller may not know. */
  readonly slots?: { readonly total: number; readonly free: number };
  /** The queue with the oldest waiting job. */
  readonly queue: string;
  readonly shards: number;
  readonly silentShards: number;
}

export interface RunFacts {
  readonly endsPerSecond: number;
  readonly failedAttemptsPerSecond: number;
  readonly failedJobsPerSecond: number;
  /** About so many failures in the last five minutes. */
  readonly recentFailures: number;
  /** What fails most often. */
  readonly most?: { readonly code: string; readonly queue: string; readonly handler: string; readonly count: number };
}

export interface FreshFacts {
  readonly ageMs: number;
  readonly shards: number;
  readonly silentShards: number;
  /** Absent if the caller may not know. */
  readonly silentNodes?: number;
}

/** So long a job may wait before it is asked whether anything starts at all. */
const patienceMs = 30_000;
/** A wait of so long is a backlog, if more comes than starts. */
const backlogMs = 300_000;
/** About one start in two minutes. Rates fade over one. */
const nothingPerSecond = 0.005;
/** Fewer failures than this do not condemn. */
const fewFailures = 3;
const staleMs = 5_000;
const uselessMs = 15_000;

const good = (sentence: string): Verdict => ({ grade: 'good', sentence, cause: '', command: '' });

export function doesWorkFlow(facts: FlowFacts): Verdict {
  const { pausedWaiting, shards, silentShards } = facts;
  if (silentShards >= shards) {
    const cause = 'The owners of the shards are gone, or this gateway does not reach them.';
    return { grade: 'unknown', sentence: 'No shard has answered.', cause, command: 'troupe shards' };
  }
  const due = facts.waiting - pausedWaiting;
  if (!facts.hasWorkers || facts.slots?.total === 0) return withoutWorkers(due);
  if (due <= 0) return good(pausedWaiting > 0 ? 'Only jobs of paused queues wait.' : 'Nothing waits.');
  return heldBack(facts, due) ?? (isStarting(facts) ? whileStarting(facts, due) : whileStill(facts, due));
}

/** Workers may be scaled to none while nothing waits. So that alone is no fault, but nothing would start either. */
function withoutWorkers(due: number): Verdict {
  const cause = 'No worker is alive that takes these jobs: none was started, none is ready yet, or all are draining.';
  if (due > 0) return { grade: 'bad', sentence: `No worker is alive, and ${waits(due)}.`, cause, command: nodes };
  return { grade: 'doubtful', sentence: 'No worker is alive. Nothing waits either.', cause, command: nodes };
}

/** All that waits is held back for a reason that has nothing to do with how many slots there are. */
function heldBack({ unservedWaiting, quarantinedWaiting }: FlowFacts, due: number): Verdict | undefined {
  if (unservedWaiting >= due) {
    const cause = 'Workers that have these handlers were not started, or a deploy has taken them away.';
    return { grade: 'bad', sentence: `${waits(due)}, and no live worker can run any of that.`, cause, command: nodes };
  }
  if (quarantinedWaiting >= due) {
    const sentence = `${waits(due)}, all of it in queues in quarantine.`;
    return { grade: 'bad', sentence, cause: quarantineCause, command: 'troupe queues list' };
  }
  return undefined;
}

function isStarting({ oldestWaitMs, startsPerSecond }: FlowFacts): boolean {
  return oldestWaitMs < patienceMs || startsPerSecond >= nothingPerSecond;
}

function whileStarting(facts: FlowFacts, due: number): Verdict {
  const { unservedWaiting, quarantinedWaiting, oldestWaitMs, arrivalsPerSecond, startsPerSecond, queue } = facts;
  if (unservedWaiting > 0) {
    const sentence = `Work flows, but ${unservedWaiting} of ${waiting(due)} have no live worker that can run them.`;
    const cause = 'Workers that have these handlers were not started, or a deploy has taken them away.';
    return { grade: 'doubtful', sentence, cause, command: nodes };
  }
  if (quarantinedWaiting > 0) {
    const sentence = `Work flows, but ${waits(quarantinedWaiting)} in queues in quarantine.`;
    return { grade: 'doubtful', sentence, cause: quarantineCause, command: 'troupe queues list' };
  }
  if (oldestWaitMs >= backlogMs && arrivalsPerSecond > startsPerSecond) {
    const cause = `More jobs come than start: ${rate(arrivalsPerSecond)} against ${rate(startsPerSecond)}.`;
    const sentence = `Work flows, but the oldest of ${waiting(due)} has waited ${spoken(oldestWaitMs)}.`;
    return { grade: 'doubtful', sentence, cause, command: `troupe queues stats ${queue}` };
  }
  return good(`Work flows: ${waits(due)}, the oldest for ${spoken(oldestWaitMs)}.`);
}

function whileStill(facts: FlowFacts, due: number): Verdict {
  const { slots, limitedWaiting, running, queue, oldestWaitMs } = facts;
  const who = `${waits(due)}, the oldest for ${spoken(oldestWaitMs)}`;
  if (limitedWaiting >= due) {
    const sentence = `Nothing starts: ${who}, and all are held by the limits of their queues.`;
    const cause = 'As many jobs run as these queues may run, and they take long.';
    return { grade: 'doubtful', sentence, cause, command: `troupe queues get ${queue}` };
  }
  if (slots !== undefined && slots.free <= 0) {
    const sentence = `Nothing starts: ${who}, and all ${slots.total} slots are in use.`;
    const cause = 'There is more work than slots, or jobs run that do not end.';
    return { grade: 'doubtful', sentence, cause, command: 'troupe ps' };
  }
  if (slots === undefined && running > 0) {
    const sentence = `Nothing starts: ${who}, while ${running} run.`;
    const cause = 'All slots may be in use by jobs that take long, or a limit holds the others back.';
    return { grade: 'doubtful', sentence, cause, command: listWaiting(queue) };
  }
  const free = slots === undefined ? 'and nothing runs' : `${slots.free} of ${slots.total} slots are free`;
  const sentence = `Work does not flow: ${who}, ${free}, and nothing starts.`;
  const cause = 'A limit of rate, key or tenant holds the jobs back, or they do not reach the workers.';
  return { grade: 'bad', sentence, cause, command: listWaiting(queue) };
}

export function doRunsSucceed(facts: RunFacts): Verdict {
  const { endsPerSecond, failedAttemptsPerSecond, failedJobsPerSecond, recentFailures } = facts;
  const failing = Math.max(failedAttemptsPerSecond, failedJobsPerSecond);
  if (Math.max(endsPerSecond, failing) < nothingPerSecond) {
    return { grade: 'unknown', sentence: 'No run has ended lately.', cause: 'Nothing has run.', command: '' };
  }
  const share = failureShare(facts);
  const percent = `${Math.max(1, Math.round(share * 100))} %`;
  if (share < 0.1) return good(share === 0 ? 'Runs succeed.' : `Runs succeed: ${percent} of them fail.`);
  const grade = share >= 0.5 && recentFailures >= fewFailures ? 'bad' : 'doubtful';
  return { grade, sentence: `${percent} of the runs fail.`, ...causeOfFailures(facts) };
}

/** Of attempts that ended. Jobs that ended without any count as attempts that failed. */
export function failureShare(
  facts: Pick<RunFacts, 'endsPerSecond' | 'failedAttemptsPerSecond' | 'failedJobsPerSecond'>,
): number {
  const { endsPerSecond, failedAttemptsPerSecond, failedJobsPerSecond } = facts;
  const failed = Math.max(failedAttemptsPerSecond, failedJobsPerSecond);
  const succeeded = Math.max(0, endsPerSecond - failedJobsPerSecond);
  return failed === 0 ? 0 : failed / (failed + succeeded);
}

function causeOfFailures({ most }: RunFacts): Pick<Verdict, 'cause' | 'command'> {
  if (most === undefined) return { cause: 'Their codes are not known.', command: 'troupe queues list' };
  const { code, queue, handler, count } = most;
  const cause = `Most often ${code}, about ${Math.round(count)} in five minutes, last in ${handler} of the queue ${queue}.`;
  return { cause, command: `troupe list --queue ${queue} --state FAILED` };
}

export function areFiguresFresh({ ageMs, shards, silentShards, silentNodes = 0 }: FreshFacts): Verdict {
  if (shards === 0) return { grade: 'unknown', sentence: 'There are no shards.', cause: '', command: '' };
  if (silentShards > 0) {
    const isMost = silentShards * 2 >= shards;
    const sentence = `${silentShards} of ${shards} shards did not answer. Their jobs are not in the figures.`;
    const cause = isMost
      ? 'This gateway does not reach the owners of the shards, or they are gone.'
      : 'A node with shards is busy, or has just gone, and another one takes over.';
    return { grade: isMost ? 'bad' : 'doubtful', sentence, cause, command: 'troupe shards' };
  }
  if (ageMs >= staleMs) {
    const cause = 'This gateway is too busy to ask for newer ones.';
    const sentence = `The figures are ${spoken(ageMs)} old.`;
    return { grade: ageMs >= uselessMs ? 'bad' : 'doubtful', sentence, cause, command: nodes };
  }
  if (silentNodes > 0) {
    const [noun, did] = silentNodes === 1 ? ['node', 'does'] : ['nodes', 'do'];
    const cause = 'It is busy, stopped, or has just gone.';
    const sentence = `All shards answered, but ${silentNodes} ${noun} ${did} not answer.`;
    return { grade: 'doubtful', sentence, cause, command: nodes };
  }
  return good('All shards answered.');
}

const nodes = 'troupe nodes';
const quarantineCause = 'An operator stopped them, or their actor failed too often on the nodes.';

function listWaiting(queue: string): string {
  return `troupe list --queue ${queue} --state QUEUED`;
}

function waits(count: number): string {
  return count === 1 ? '1 job waits' : `${count} jobs wait`;
}

function waiting(count: number): string {
  return count === 1 ? '1 waiting job' : `${count} waiting jobs`;
}

function rate(perSecond: number): string {
  return `${perSecond >= 10 ? Math.round(perSecond) : Number(perSecond.toPrecision(2))}/s`;
}

/** A duration as people say it, in one unit. */
export function spoken(durationMs: number): string {
  const seconds = durationMs / 1_000;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
