/**
 * What a frame between node and cell must look like. It is checked on both sides, because any thread of a cell can reach
 * the pipe: what has another shape must not reach code that trusts its types.
 */
import { z } from 'zod';
import { failureCausesMax, failureReasons } from '../../../domain/job.ts';
import type { CellCommand, CellEvent } from './cell-frames.ts';
import { manifestShape } from './manifest-shape.ts';
import { logLevels } from './thread-messages.ts';

const key = z.int().positive();
const amount = z.number().nonnegative();
const kind = <Kind extends string>(name: Kind): z.ZodLiteral<Kind> => z.literal(name);

const payload = z.discriminatedUnion('kind', [
  z.object({ kind: kind('json'), json: z.string() }),
  z.object({ kind: kind('bytes'), bytes: z.instanceof(Uint8Array) }),
]);

/** Longer than any of ours. */
const text = z.string().max(4_096);

export const failureShape = z.object({
  reason: z.enum(failureReasons),
  message: text,
  code: text.exactOptional(),
  causes: z
    .array(z.object({ message: text, code: text.exactOptional() }))
    .max(failureCausesMax)
    .exactOptional(),
  stack: text.exactOptional(),
});

const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: kind('succeeded'), output: payload.exactOptional() }),
  z.object({
    kind: kind('failed'),
    failure: failureShape,
    retryable: z.boolean(),
    nextMemoryMb: amount.exactOptional(),
  }),
  z.object({ kind: kind('snoozed'), delayMs: amount }),
  z.object({ kind: kind('stopped') }),
  z.object({ kind: kind('returned') }),
  z.object({ kind: kind('lost'), convicted: z.boolean(), suspect: z.boolean().exactOptional() }),
]);

const vitals = z.object({
  rssBytes: amount,
  eventLoopUtilization: amount,
  threadsAlive: amount,
  leaked: amount,
  orphans: amount,
  runs: z.array(z.object({ key, thread: amount, quietMs: amount })),
});

const event: z.ZodType<CellEvent> = z.discriminatedUnion('kind', [
  z.object({ kind: kind('importing'), url: z.string() }),
  z.object({
    kind: kind('up'),
    handlers: z.array(z.object({ url: z.string(), manifest: manifestShape })),
    problems: z.array(z.object({ url: z.string(), reason: z.string() })),
  }),
  z.object({ kind: kind('failed'), reason: z.string() }),
  z.object({ kind: kind('pulse'), vitals }),
  z.object({ kind: kind('started'), key }),
  z.object({ kind: kind('progress'), key, fraction: amount, note: z.string() }),
  z.object({ kind: kind('log'), key, level: z.enum(logLevels), text: z.string() }),
  z.object({ kind: kind('checkpoint'), key, number: key, payload }),
  z.object({ kind: kind('ended'), key, outcome, durationMs: amount }),
  z.object({ kind: kind('profile-part'), key, text: z.string(), last: z.boolean() }),
  z.object({ kind: kind('profile-failed'), key, why: z.enum(['not-running', 'too-large']) }),
  z.object({ kind: kind('stuck'), key, outcome }),
]);

const setup = z.object({
  threads: key,
  memory: z.object({ defaultMb: amount, maxMb: amount }),
  rssMaxBytes: amount,
  cancelGraceMs: amount,
  outputMaxBytes: amount,
  waitMaxMs: amount,
  gatherMs: amount,
  handlerEnv: z.map(z.string(), z.string()),
  files: z.array(z.string()),
  sources: z.map(z.string(), z.string()),
});

const command: z.ZodType<CellCommand> = z.discriminatedUnion('kind', [
  z.object({ kind: kind('setup'), setup }),
  z.object({
    kind: kind('run'),
    key,
    jobId: z.string(),
    attempt: z.number(),
    handler: z.string(),
    input: payload,
    executionTimeoutMs: amount,
    heartbeatTimeoutMs: amount.exactOptional(),
    deadlineAtMs: z.number().exactOptional(),
    traceparent: z.string().exactOptional(),
    memoryMb: amount.exactOptional(),
    checkpoint: payload.exactOptional(),
  }),
  z.object({ kind: kind('cancel'), key }),
  z.object({ kind: kind('checkpointed'), key, number: key, saved: z.boolean() }),
  z.object({ kind: kind('profile'), key, durationMs: amount }),
]);

const events = z.array(event);
const commands = z.array(command);

/** Undefined when it has another shape. */
export function parseEvents(frame: unknown): readonly CellEvent[] | undefined {
  return events.safeParse(frame).data;
}
export function parseCommands(frame: unknown): readonly CellCommand[] | undefined {
  return commands.safeParse(frame).data;
}
