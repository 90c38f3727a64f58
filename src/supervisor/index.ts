/** The public interface of supervision. */
export { backoffDelayMs } from './backoff.ts';
export type { Backoff } from './backoff.ts';
export { directiveFor } from './decision.ts';
export type { DecisionRules, Directive, Ending, OnExhausted, RestartPolicy } from './decision.ts';
export { addRestart } from './intensity.ts';
export type { Intensity, RestartHistory } from './intensity.ts';
export type { ChildStatus, OrderReply, StartChildReply, SupervisorMessage } from './messages.ts';
export type { ChildSpec, SupervisorSpec } from './spec.ts';
export { affectedBy } from './strategy.ts';
export type { Strategy } from './strategy.ts';
export { supervise } from './supervisor.ts';
