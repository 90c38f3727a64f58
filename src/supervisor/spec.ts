/** What a supervisor is told: its children and its rules; and the form in which it works with them. */
import type { ActorDefinition } from '../kernel/index.ts';
import { invariant } from '../domain/errors.ts';
import type { Backoff } from './backoff.ts';
import type { OnExhausted, RestartPolicy } from './decision.ts';
import type { Intensity } from './intensity.ts';
import type { Strategy } from './strategy.ts';

/** A child, and when it is restarted. */
export interface ChildSpec {
  /** Unique among its siblings. */
  readonly name: string;
  /** How to make it. */
  readonly definition: ActorDefinition<never>;
  /** When it is restarted. */
  readonly restart: RestartPolicy;
  /** How long its stop may take before it is abandoned. `infinity` for supervisors: their children have deadlines. */
  readonly shutdownMs: number | 'infinity';
  /** Default `escalate`. A child with `quarantine` has a budget of its own and never touches the supervisor's. */
  readonly onExhausted?: OnExhausted;
  /** The own budget of a child with `quarantine`; default: numbers of the supervisor's. */
  readonly intensity?: Intensity;
  /** Default: the supervisor's. */
  readonly backoff?: Backoff;
}

/** A supervisor and its children. */
export interface SupervisorSpec {
  /** Which children are restarted with the one that ended. */
  readonly strategy: Strategy;
  /** How many restarts are allowed. */
  readonly intensity: Intensity;
  /** Default: failed children come back at once. */
  readonly backoff?: Backoff;
  /** Started in this order, each when the one before is up; stopped in reverse. */
  readonly children: readonly ChildSpec[];
  /** With children added later; default 1,024. */
  readonly maxChildren?: number;
  /** Orders that may wait; default 256. */
  readonly mailboxCapacity?: number;
  /** Shown in the tree view; default `supervisor`. */
  readonly kind?: string;
}

export interface CompiledChildSpec {
  readonly name: string;
  readonly definition: ActorDefinition<never>;
  readonly restart: RestartPolicy;
  readonly shutdownMs: number | undefined;
  readonly onExhausted: OnExhausted;
  readonly intensity: Intensity;
  readonly backoff: Backoff | undefined;
}

export interface CompiledSpec {
  readonly strategy: Strategy;
  readonly intensity: Intensity;
  readonly backoff: Backoff | undefined;
  readonly children: readonly CompiledChildSpec[];
  readonly maxChildren: number;
  readonly mailboxCapacity: number;
  readonly kind: string;
}

const DEFAULT_MAX_CHILDREN = 1_024;
const DEFAULT_MAILBOX_CAPACITY = 256;

export function compileSpec(spec: SupervisorSpec): CompiledSpec {
  const maxChildren = spec.maxChildren ?? DEFAULT_MAX_CHILDREN;
  checkIntensity(spec.intensity);
  checkBackoff(spec.backoff);
  invariant(spec.children.length <= maxChildren, `at most ${maxChildren} children`);
  invariant(
    new Set(spec.children.map(({ name }) => name)).size === spec.children.length,
    'names of children are unique',
  );
  return {
    strategy: spec.strategy,
    intensity: spec.intensity,
    backoff: spec.backoff,
    children: spec.children.map((child) => compileChild(child, spec)),
    maxChildren,
    mailboxCapacity: spec.mailboxCapacity ?? DEFAULT_MAILBOX_CAPACITY,
    kind: spec.kind ?? 'supervisor',
  };
}

export function compileChild(
  child: ChildSpec,
  supervisor: { readonly intensity: Intensity; readonly backoff?: Backoff | undefined },
): CompiledChildSpec {
  const onExhausted = child.onExhausted ?? 'escalate';
  invariant(
    onExhausted === 'quarantine' || child.intensity === undefined,
    `only a child with quarantine has an intensity of its own (${child.name})`,
  );
  const intensity = child.intensity ?? supervisor.intensity;
  const backoff = child.backoff ?? supervisor.backoff;
  checkIntensity(intensity);
  checkBackoff(backoff);
  invariant(child.shutdownMs === 'infinity' || child.shutdownMs >= 0, `shutdownMs is not negative (${child.name})`);
  return {
    name: child.name,
    definition: child.definition,
    restart: child.restart,
    shutdownMs: child.shutdownMs === 'infinity' ? undefined : child.shutdownMs,
    onExhausted,
    intensity,
    backoff,
  };
}

function checkIntensity({ maxRestarts, windowMs }: Intensity): void {
  invariant(Number.isSafeInteger(maxRestarts) && maxRestarts >= 0, 'maxRestarts is a count');
  invariant(Number.isFinite(windowMs) && windowMs > 0, 'windowMs is positive');
}

function checkBackoff(backoff: Backoff | undefined): void {
  if (backoff === undefined) return;
  invariant(backoff.initialMs >= 0 && backoff.initialMs <= backoff.maxMs, 'backoff begins below its maximum');
  invariant(backoff.jitter >= 0 && backoff.jitter <= 1, 'jitter is a share');
}
