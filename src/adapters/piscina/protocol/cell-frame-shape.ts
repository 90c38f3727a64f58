/**
 * The shape of a frame between node and cell. Both sides check it, because any thread of a cell can write to the pipe,
 * and a frame of another shape must not reach code that trusts its types.
 */
import { z } from 'zod';
import type { RunRequest } from '../../../application/ports/run-pool.ts';
import { blames } from '../../../domain/attempt-outcome.ts';
import { clipped } from '../../../domain/clipped-text.ts';
import { failureCausesMax, failureMaxChars, failureReasons } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { logLevels } from '../../../domain/job-log.ts';
import type { CellCommand, CellEvent } from './cell-frames.ts';
import { manifestShape } from './manifest-shape.ts';
import { streamAnswerShape, streamAskShape } from './stream-messages.ts';
import { noteMaxChars } from './thread-messages.ts';

const count = z.int().positive();
const runId = z.string();
const amount = z.number().nonnegative();
const kind = <Kind extends string>(name: Kind): z.ZodLiteral<Kind> => z.literal(name);

const json = z.object({ kind: kind('json'), json: z.string() });
const bytes = z.instanceof(Uint8Array);
const payload = z.discriminatedUnion('kind', [json, z.object({ kind: kind('bytes'), bytes })]);
/** Copies the bytes. They are a view into their frame, and a small payload must not keep a large frame alive. */
const ownPayload = z.discriminatedUnion('kind', [
  json,
  z.object({ kind: kind('bytes'), bytes: bytes.transform((view) => new Uint8Array(view)) }),
]);

/**
 * Longer than any text that our own code sends. A text within it is cut to what a failure may hold, because the failure
 * goes into the record of the job, whose size is bounded.
 */
const textMaxChars = 4_096;
const cutTo = (maxChars: number) =>
  z
    .string()
    .max(textMaxChars)
    .transform((text) => clipped(text, maxChars));
const code = cutTo(failureMaxChars.code);

export const failureShape = z.object({
  reason: z.enum(failureReasons),
  message: cutTo(failureMaxChars.message),
  code: code.exactOptional(),
  causes: z
    .array(z.object({ message: cutTo(failureMaxChars.causeMessage), code: code.exactOptional() }))
    .max(failureCausesMax)
    .exactOptional(),
  stack: cutTo(failureMaxChars.stack).exactOptional(),
});

const streamedBytes = z.int().nonnegative();
const streamedOutput = z.object({ kind: kind('streamed'), bytes: streamedBytes });
const streamedInput = z.object({ kind: kind('streamed'), bytes: streamedBytes, sha256: bytes });

const outcome = z.discriminatedUnion('kind', [
  z.object({ kind: kind('succeeded'), output: z.union([ownPayload, streamedOutput]).exactOptional() }),
  z.object({
    kind: kind('failed'),
    failure: failureShape,
    retryable: z.boolean(),
    nextMemoryMb: amount.exactOptional(),
  }),
  z.object({ kind: kind('snoozed'), delayMs: amount }),
  z.object({ kind: kind('stopped') }),
  z.object({ kind: kind('released') }),
  z.object({ kind: kind('lost'), blame: z.enum(blames) }),
]);

const vitals = z.object({
  rssBytes: amount,
  eventLoopUtilization: amount,
  threadsAlive: amount,
  leaked: amount,
  orphans: amount,
  runs: z.array(z.object({ runId, thread: amount, quietMs: amount })),
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
  z.object({ kind: kind('started'), runId }),
  z.object({ kind: kind('progress'), runId, fraction: amount.max(1), note: z.string().max(noteMaxChars) }),
  z.object({ kind: kind('log'), runId, level: z.enum(logLevels), text: z.string() }),
  z.object({ kind: kind('checkpoint'), runId, number: count, payload: z.union([ownPayload, streamedOutput]) }),
  z.object({ kind: kind('ended'), runId, outcome, durationMs: amount }),
  z.object({ kind: kind('profile-part'), runId, text: z.string(), last: z.boolean() }),
  z.object({ kind: kind('profile-failed'), runId, why: z.enum(['not-running', 'too-large']) }),
  z.object({ kind: kind('stuck'), runId, outcome }),
  z.object({ kind: kind('stream-ask'), runId, number: count, ask: streamAskShape }),
]);

const setup = z.object({
  threads: count,
  memory: z.object({ defaultMb: amount, maxMb: amount }),
  rssMaxBytes: amount,
  cancelGraceMs: amount,
  outputMaxBytes: amount,
  waitMaxMs: amount,
  gatherMs: amount,
  handlerEnv: z.map(z.string(), z.string()),
  uid: count.exactOptional(),
  files: z.array(z.string()),
  sources: z.map(z.string(), z.string()),
});

const request: z.ZodType<RunRequest> = z.object({
  runId,
  jobId: z.custom<JobId>((id) => typeof id === 'string'),
  tenant: z.string(),
  attempt: z.number(),
  handler: z.string(),
  input: z.union([payload, streamedInput]),
  executionTimeoutMs: amount,
  heartbeatTimeoutMs: amount.exactOptional(),
  deadlineAtMs: z.number().exactOptional(),
  suspect: z.boolean(),
  memoryMb: amount.exactOptional(),
  checkpoint: z.union([payload, streamedInput]).exactOptional(),
  traceparent: z.string().exactOptional(),
});

const command: z.ZodType<CellCommand> = z.discriminatedUnion('kind', [
  z.object({ kind: kind('setup'), setup }),
  z.object({ kind: kind('run'), request }),
  z.object({ kind: kind('cancel'), runId }),
  z.object({ kind: kind('checkpointed'), runId, number: count, saved: z.boolean() }),
  z.object({ kind: kind('profile'), runId, durationMs: amount }),
  z.object({ kind: kind('stream-answer'), runId, number: count, answer: streamAnswerShape }),
]);

const events = z.array(event);
const commands = z.array(command);

/** Undefined when the frame has another shape. */
export function parseEvents(frame: unknown): readonly CellEvent[] | undefined {
  return events.safeParse(frame).data;
}
export function parseCommands(frame: unknown): readonly CellCommand[] | undefined {
  return commands.safeParse(frame).data;
}
