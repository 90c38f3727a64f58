/**
 * The spec of a supervisor: its children and rules, as the caller writes them and in compiled form (defaults filled in,
 * values checked).
 */
import type { ActorDefinition } from '../kernel/index.ts';
import { invariant } from '../domain/errors.ts';
import type { Backoff } from './backoff.ts';
import type { OnExhausted, RestartPolicy } from './decision.ts';
import type { Intensity } from './intensity.ts';
import type { Strategy } from './strategy.ts';

/** A child and its rules. */
export interface ChildSpec {
  /** Unique among its siblings. */
  readonly name: string;
  /** How to create the child. */
  readonly definition: ActorDefinition<never>;
  /** When the child is restarted. */
  readonly restart: RestartPolicy;
  /**
   * The time in ms that stopping may take before the child is abandoned. Use `infinity` for supervisors, whose children
   * have deadlines of their own.
   */
  readonly shutdownMs: number | 'infinity';
  /**
   * What happens when the child fails too often. Default `escalate`. A child with `suspend` has its own restart
   * budget, and its failures never count against the supervisor's.
   */
  readonly onExhausted?: OnExhausted;
  /**
   * The restart budget of a child with `suspend`; not allowed otherwise. Default: the same limits as the
   * supervisor's.
   */
  readonly intensity?: Intensity;
  /** Default: the supervisor's backoff. */
  readonly backoff?: Backoff;
}

/** A supervisor and its children. */
export interface SupervisorSpec {
  /** Which siblings are restarted together with a child that ended. */
  readonly strategy: Strategy;
  /**
   * How many restarts the supervisor allows before it fails itself. It counts those of all children without their own
   * budget.
   */
  readonly intensity: Intensity;
  /** Default: failed children restart at once. */
  readonly backoff?: Backoff;
  /** Started in this order, each when the one before it is up. Stopped in reverse. */
  readonly children: readonly ChildSpec[];
  /** The most children, including those added later. Default 1,024. */
  readonly maxChildren?: number;
  /** The number of requests that may wait. Default 256. */
  readonly mailboxCapacity?: number;
  /** The kind shown in the tree view. Default `supervisor`. */
  readonly kind?: string;
}

/** A child spec with all defaults filled in. */
export interface CompiledChildSpec {
  readonly name: string;
  readonly definition: ActorDefinition<never>;
  readonly restart: RestartPolicy;
  /** In ms; `undefined` for no deadline. */
  readonly shutdownMs: number | undefined;
  readonly onExhausted: OnExhausted;
  readonly intensity: Intensity;
  /** `undefined`: restart at once. */
  readonly backoff: Backoff | undefined;
}

/** A supervisor spec with all defaults filled in. */
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

/** Fills in defaults and checks the values. Throws if one is invalid, because a wrong spec is a bug of the caller. */
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

/** Compiles the spec of one child. `supervisor` provides the defaults. Throws if a value is invalid. */
export function compileChild(
  child: ChildSpec,
  supervisor: { readonly intensity: Intensity; readonly backoff?: Backoff | undefined },
): CompiledChildSpec {
  const onExhausted = child.onExhausted ?? 'escalate';
  invariant(
    onExhausted === 'suspend' || child.intensity === undefined,
    `only a child with onExhausted suspend has an intensity of its own (${child.name})`,
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
