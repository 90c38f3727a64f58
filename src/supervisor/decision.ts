/**
 * Decides what follows when a child ends unrequested. A pure function of the child's rules, its restart history and the
 * time; the supervisor only carries out the result.
 */
import { assertNever } from '../domain/errors.ts';
import { addRestart, type Intensity, type RestartHistory } from './intensity.ts';

/** When a child is restarted: `permanent` always, `transient` only after a failure, `temporary` never. */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary';

/**
 * What happens when a child exceeds its restart intensity. `escalate` fails the supervisor. `suspend` suspends the
 * child: it stays down until someone resumes it.
 */
export type OnExhausted = 'escalate' | 'suspend';

/** The rules of one child. */
export interface DecisionRules {
  /** When the child is restarted. */
  readonly restart: RestartPolicy;
  /** What happens when it needed too many restarts. */
  readonly onExhausted: OnExhausted;
  /** How many restarts are allowed. */
  readonly intensity: Intensity;
}

/** How a child ended. */
export interface Ending {
  /** True if it crashed, false if it stopped by itself. */
  readonly failed: boolean;
}

/** What the supervisor must do. */
export type Directive =
  /** A temporary child has ended: remove it and its spec. */
  | { readonly kind: 'forget' }
  /** A transient child has completed: keep its spec, so that it can be restarted on request. */
  | { readonly kind: 'retire' }
  /** Restart the child. `history` includes this restart and replaces the old history. */
  | { readonly kind: 'restart'; readonly history: RestartHistory }
  /** Suspend the child. */
  | { readonly kind: 'suspend' }
  /** Fail the supervisor. */
  | { readonly kind: 'escalate' };

/**
 * Returns what to do about a child that ended at `nowMs` (monotonic). `history` holds the restarts of the budget that
 * applies.
 */
export function directiveFor(rules: DecisionRules, history: RestartHistory, ending: Ending, nowMs: number): Directive {
  switch (rules.restart) {
    case 'temporary':
      return { kind: 'forget' };
    case 'transient':
      return ending.failed ? restartWithin(rules, history, nowMs) : { kind: 'retire' };
    case 'permanent':
      return restartWithin(rules, history, nowMs);
    default:
      return assertNever(rules.restart);
  }
}

function restartWithin(rules: DecisionRules, history: RestartHistory, nowMs: number): Directive {
  const longer = addRestart(history, rules.intensity, nowMs);
  return longer === undefined ? { kind: rules.onExhausted } : { kind: 'restart', history: longer };
}
