/**
 * Decides which steps of `npm test` run concurrently. It is pure, so a plan can be inspected and tested without running
 * anything.
 *
 * - A *timed* step has deadlines that a busy machine breaks. Timed steps together use no more cores than there are,
 *   leave idle what the most sensitive of them needs, and never hold the same resource.
 * - A *patient* step computes and has no real deadline. It runs beside timed steps at the lowest priority, on the cores
 *   that these leave. Patient steps alone share the cores.
 * - There are never more steps than the bound permits. A step may always run alone, so none waits forever, and on one
 *   core the timed steps run one at a time.
 */

export interface Step {
  readonly name: string;
  readonly pace: 'timed' | 'patient';
  /** Average number of busy cores: CPU time divided by elapsed time, run alone on two idle cores with warm caches. */
  readonly busy: number;
  /** Elapsed time in that case, in seconds. */
  readonly seconds: number;
  /** Cores that other timed steps must leave idle. */
  readonly spare?: number;
  /** A resource that only one step at a time may hold. */
  readonly holds?: string;
  /** Steps that must end first. */
  readonly after?: readonly string[];
}

export interface Bound {
  readonly cores: number;
  readonly sideBySide: number;
}

export interface PlannedStep {
  readonly name: string;
  readonly fromS: number;
  readonly untilS: number;
}

/** Busy cores are averages with one decimal, so a sum may be off by half of that. */
const toleratedCores = 0.05;

function busyOf(steps: readonly Step[], pace: Step['pace']): number {
  return steps.filter((step) => step.pace === pace).reduce((sum, { busy }) => sum + busy, 0);
}

function fits(step: Step, running: readonly Step[], { cores, sideBySide }: Bound): boolean {
  if (running.length >= sideBySide) return false;
  if (!running.some(({ pace }) => pace === step.pace)) return true;
  const all = [...running, step];
  const spare = step.pace === 'timed' ? Math.max(...all.map((one) => one.spare ?? 0)) : 0;
  const isHeld = running.some(({ holds }) => holds !== undefined && holds === step.holds);
  return !isHeld && busyOf(all, step.pace) + spare <= cores + toleratedCores;
}

/** The first waiting step that may start now. */
export function nextStep<S extends Step>(waiting: readonly S[], running: readonly S[], bound: Bound): S | undefined {
  const unfinished = new Set([...waiting, ...running].map(({ name }) => name));
  return waiting.find((step) => !(step.after ?? []).some((name) => unfinished.has(name)) && fits(step, running, bound));
}

interface Progress {
  readonly step: Step;
  readonly fromS: number;
  /** Remaining seconds. */
  readonly leftS: number;
}

/** When each step would start and end, if its figures held and patient steps got only the cores that others leave. */
export function planOf(steps: readonly Step[], bound: Bound): readonly PlannedStep[] {
  const planned: PlannedStep[] = [];
  let waiting = steps;
  let running: readonly Progress[] = [];
  for (let nowS = 0; ;) {
    const inHand = (): readonly Step[] => running.map(({ step }) => step);
    for (let next = nextStep(waiting, inHand(), bound); next; next = nextStep(waiting, inHand(), bound)) {
      const step = next;
      running = [...running, { step, fromS: nowS, leftS: step.seconds }];
      waiting = waiting.filter((other) => other !== step);
    }
    if (running.length === 0) return planned.sort((a, b) => a.fromS - b.fromS);
    const idle = Math.max(0.1, bound.cores - busyOf(inHand(), 'timed'));
    const rates = { timed: 1, patient: Math.min(1, idle / busyOf(inHand(), 'patient')) };
    const passedS = Math.min(...running.map(({ step, leftS }) => leftS / rates[step.pace]));
    nowS += passedS;
    running = running.map((one) => ({ ...one, leftS: one.leftS - passedS * rates[one.step.pace] }));
    for (const { step, fromS, leftS } of running) {
      if (leftS <= 1e-6) planned.push({ name: step.name, fromS, untilS: nowS });
    }
    running = running.filter(({ leftS }) => leftS > 1e-6);
  }
}
