/**
 * What the end of a child that nobody asked for leads to: a pure function of the child's rules, what happened before, and
 * the time. The supervisor only carries it out.
 */
import { assertNever } from '../domain/errors.ts';
import { addRestart, type Intensity, type RestartHistory } from './intensity.ts';

/** Permanent: always; transient: after a failure; temporary: never (a restart is not a retry). */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary';

/** What to do with a child past its intensity: fail the supervisor, or keep the child down until someone resumes it. */
export type OnExhausted = 'escalate' | 'quarantine';

/** What decides over the end of a child. */
export interface DecisionRules {
  /** When it is restarted. */
  readonly restart: RestartPolicy;
  /** What happens when too many restarts were needed. */
  readonly onExhausted: OnExhausted;
  /** How many restarts are allowed. */
  readonly intensity: Intensity;
}

/** How a child ended. */
export interface Ending {
  /** It threw; otherwise it stopped by itself. */
  readonly failed: boolean;
}

export type Directive =
  /** A temporary child has ended: there is nothing to keep. */
  | { readonly kind: 'forget' }
  /** A transient child has done its work: it stays down, its spec stays. */
  | { readonly kind: 'retire' }
  /** `history` is the new one; its length says how often the child came back within the window. */
  | { readonly kind: 'restart'; readonly history: RestartHistory }
  | { readonly kind: 'quarantine' }
  | { readonly kind: 'escalate' };

export function decide(rules: DecisionRules, history: RestartHistory, ending: Ending, nowMs: number): Directive {
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
