/**
 * Runs a handler once on one payload and turns every way it can end into data.
 * Nothing is thrown across a thread's port, because the classes and custom fields of errors do not survive it. Both the
 * threads of a cell and `runHandler` use this.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { RunInput, RunPayload } from '../domain/attempt-outcome.ts';
import { clipped } from '../domain/clipped-text.ts';
import {
  failureCausesMax,
  failureMaxChars,
  type Failure,
  type FailureCause,
  type FailureReason,
} from '../domain/job.ts';
import { strictJson } from '../domain/strict-json.ts';
import type { HandlerContext } from './context.ts';
import type { AnyHandler } from './definition.ts';
import { EncodedRun } from './encoded-execution.ts';
import type { HandlerOutcome } from './handler-outcome.ts';
import { fateOf, snoozeMsOf } from './handler-error.ts';
import type { PayloadStreams } from './payload-streams.ts';
import { inputKindOf, isStreamed } from './schema.ts';
import { given } from '../domain/given.ts';

const cannotBeShown = 'a value that cannot be shown was thrown';

/** Called at two moments of a run, for example to measure it. */
export interface ExecutionHooks {
  /** The first instruction of the handler is about to run. */
  onStart?(): void;
  /** The handler has returned its result, or a promise of it, and nothing has used it yet. */
  onReturn?(): void;
}

/** The streams of an attempt, and the largest payload that its handler may get whole. */
export interface ExecutionStreams {
  readonly streams: PayloadStreams;
  readonly wholeMaxBytes: number;
}

export async function executeHandler(
  handler: AnyHandler,
  payload: RunInput,
  ctx: HandlerContext,
  hooks: ExecutionHooks & ExecutionStreams,
): Promise<HandlerOutcome> {
  const outcome = await executeAsDefined(handler, payload, ctx, hooks);
  const { lasting } = hooks.streams;
  hooks.streams.close();
  // Whatever the handler made of the error: another attempt would meet it again.
  return lasting !== undefined && outcome.kind === 'failed' ? refused(lasting.reason, lasting.message) : outcome;
}

async function executeAsDefined(
  handler: AnyHandler,
  payload: RunInput,
  ctx: HandlerContext,
  hooks: ExecutionHooks & ExecutionStreams,
): Promise<HandlerOutcome> {
  const { codec, name } = handler;
  if (codec === undefined) return execute(handler, payload, ctx, hooks);
  const whole = await wholeOf(payload, hooks);
  if ('failed' in whole) return whole.failed;
  const run = new EncodedRun(codec, name, ctx.jobId);
  return run.run(whole, ctx, (input, own) => execute(handler, input, own, hooks));
}

async function execute(
  handler: AnyHandler,
  payload: RunInput,
  ctx: HandlerContext,
  hooks: ExecutionHooks & ExecutionStreams,
): Promise<HandlerOutcome> {
  const input = await acceptInput(handler, payload, hooks).catch((error: unknown) => ({
    failed: outcomeOfThrown(error),
  }));
  if ('failed' in input) return input.failed;
  let result: unknown;
  try {
    hooks.onStart?.();
    const returned = handler.run(input.value, ctx);
    hooks.onReturn?.();
    result = await returned;
  } catch (thrown) {
    return outcomeOfThrown(thrown);
  }
  return hooks.streams.outputState === 'unused' ? encodeOutput(handler, result) : streamedOutput(hooks.streams, result);
}

type Accepted = { readonly value: unknown } | { readonly failed: HandlerOutcome };

async function acceptInput(
  handler: AnyHandler,
  payload: RunInput,
  { streams, wholeMaxBytes }: ExecutionStreams,
): Promise<Accepted> {
  const kind = inputKindOf(handler.input);
  const given = payload.kind === 'streamed' ? 'bytes' : payload.kind;
  if (kind !== 'any' && kind !== given) {
    return { failed: refused('INVALID_INPUT', `input: expected ${kind}, got ${given}`) };
  }
  if (handler.input !== undefined && isStreamed(handler.input)) {
    return validate(handler.input, streams.input, 'INVALID_INPUT', 'input');
  }
  const whole = await wholeOf(payload, { streams, wholeMaxBytes });
  if ('failed' in whole) return whole;
  const decoded = decode(whole);
  if ('failed' in decoded || handler.input === undefined) return decoded;
  return validate(handler.input, decoded.value, 'INVALID_INPUT', 'input');
}

async function wholeOf(
  payload: RunInput,
  { streams, wholeMaxBytes }: ExecutionStreams,
): Promise<RunPayload | { readonly failed: HandlerOutcome }> {
  if (payload.kind !== 'streamed') return payload;
  if (payload.bytes <= wholeMaxBytes) return gathered(streams);
  return { failed: refused('INVALID_INPUT', tooLargeWhole(payload.bytes, wholeMaxBytes)) };
}

/** `gateway.payloadMaxBytes` is where an operator sets the limit. */
function tooLargeWhole(bytes: number, maxBytes: number): string {
  return (
    `input: has ${bytes} bytes, and a handler gets at most ${maxBytes} whole (gateway.payloadMaxBytes): ` +
    'define it with `input: streamed()` and read ctx.input.stream() or ctx.input.file()'
  );
}

async function gathered({ input }: PayloadStreams): Promise<RunPayload> {
  const bytes = new Uint8Array(input.bytes);
  let at = 0;
  for await (const piece of input.stream()) {
    bytes.set(piece as Uint8Array, at);
    at += (piece as Uint8Array).byteLength;
  }
  return { kind: 'bytes', bytes };
}

function decode(payload: RunPayload): Accepted {
  if (payload.kind === 'bytes') return { value: payload.bytes };
  try {
    return { value: JSON.parse(payload.json) as unknown };
  } catch (error) {
    return { failed: refused('INVALID_INPUT', `input: not a JSON document: ${describeThrown(error)}`) };
  }
}

async function validate(
  schema: StandardSchemaV1,
  value: unknown,
  reason: 'INVALID_INPUT' | 'INVALID_OUTPUT',
  root: string,
): Promise<Accepted> {
  try {
    let result = schema['~standard'].validate(value);
    if (result instanceof Promise) result = await result;
    if (result.issues === undefined) return { value: result.value };
    const lines = result.issues.slice(0, 8).map((found) => `${pathOf(root, found)}: ${found.message}`);
    return { failed: refused(reason, lines.join('; ')) };
  } catch (error) {
    return { failed: refused(reason, `${root}: the schema itself threw: ${describeThrown(error)}`) };
  }
}

function pathOf(root: string, found: StandardSchemaV1.Issue): string {
  const keys = (found.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  return [root, ...keys.map(String)].join('.');
}

function streamedOutput(
  { outputState, outputBytes, outputError, lasting }: PayloadStreams,
  result: unknown,
): HandlerOutcome {
  if (lasting !== undefined) return refused(lasting.reason, lasting.message);
  if (result !== undefined) {
    return refused('INVALID_OUTPUT', 'output: the handler opened ctx.output.stream() and returned a value as well');
  }
  if (outputState === 'finished') return { kind: 'succeeded', output: { kind: 'streamed', bytes: outputBytes } };
  if (outputState === 'failed') return outcomeOfThrown(outputError);
  return refused('INVALID_OUTPUT', 'output: ctx.output.stream() was not ended, or its end was not awaited');
}

async function encodeOutput(handler: AnyHandler, result: unknown): Promise<HandlerOutcome> {
  let output = result;
  if (handler.output !== undefined) {
    const checked = await validate(handler.output, result, 'INVALID_OUTPUT', 'output');
    if ('failed' in checked) return checked.failed;
    output = checked.value;
  }
  if (output === undefined) return { kind: 'succeeded' };
  try {
    if (ArrayBuffer.isView(output) && output instanceof Uint8Array) return bytesAsOutput(output);
    const json = strictJson(output, 'output');
    return json === undefined ? { kind: 'succeeded' } : { kind: 'succeeded', output: { kind: 'json', json } };
  } catch (error) {
    return refused('INVALID_OUTPUT', describeThrown(error));
  }
}

function bytesAsOutput(bytes: Uint8Array): HandlerOutcome {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.detached)
    return refused('INVALID_OUTPUT', 'output: its bytes were transferred to another thread; return a copy of them');
  return { kind: 'succeeded', output: { kind: 'bytes', bytes } };
}

/**
 * The outcome of a thrown value: as the error itself says, otherwise a failure that may be retried unless its
 * `retryable` is false. Never throws, whatever was thrown.
 */
export function outcomeOfThrown(thrown: unknown): HandlerOutcome {
  try {
    return outcomeAsTold(thrown);
  } catch {
    // A proxy, or a getter that throws.
    return { kind: 'failed', failure: { reason: 'HANDLER_FAILED', message: cannotBeShown }, retryable: true };
  }
}

function outcomeAsTold(thrown: unknown): HandlerOutcome {
  const fate = fateOf(thrown);
  if (fate === 'cancelled') return { kind: 'stopped' };
  const delayMs = snoozeMsOf(thrown);
  if (delayMs !== undefined) return { kind: 'snoozed', delayMs };
  const { retryable: wanted, stack } = fieldsOf(thrown);
  const retryable = fate === undefined ? wanted !== false : fate === 'fail';
  const code = codeOf(thrown);
  const causes = causesOf(thrown);
  const failure: Failure = {
    reason: fate === 'reject' ? 'HANDLER_REJECTED' : 'HANDLER_FAILED',
    message: describeThrown(thrown),
    ...given({
      code,
      causes: causes.length > 0 ? causes : undefined,
      stack: typeof stack === 'string' ? clipped(stack, failureMaxChars.stack) : undefined,
    }),
  };
  return { kind: 'failed', failure, retryable };
}

/** The errors behind an error, each before its own causes: the members of an AggregateError, then the cause. */
function causesOf(thrown: unknown): readonly FailureCause[] {
  const seen = new Set<unknown>([thrown]);
  const causes: FailureCause[] = [];
  const follow = (error: unknown): void => {
    const { errors, cause } = fieldsOf(error);
    const members = membersOf(errors);
    for (const behind of [...members, cause]) {
      if (behind === undefined || behind === null || seen.has(behind) || causes.length >= failureCausesMax) continue;
      seen.add(behind);
      const code = codeOf(behind);
      const message = clipped(describeThrown(behind), failureMaxChars.causeMessage);
      causes.push({ message, ...given({ code }) });
      follow(behind);
    }
  };
  follow(thrown);
  return causes;
}

/** The first few members. They are read by index, because a list may have its own `slice`. */
function membersOf(errors: unknown): readonly unknown[] {
  const members: unknown[] = [];
  try {
    if (!Array.isArray(errors)) return members;
    const known = Math.min(errors.length, failureCausesMax);
    for (let at = 0; at < known; at += 1) members.push(errors[at]);
  } catch {
    // Use the members that could be read.
  }
  return members;
}

/** Numbers count too, because database drivers and HTTP clients use them. */
function codeOf(thrown: unknown): string | undefined {
  const { code } = fieldsOf(thrown);
  return typeof code === 'string' || typeof code === 'number' ? clipped(String(code), failureMaxChars.code) : undefined;
}

interface ThrownFields {
  readonly code?: unknown;
  readonly retryable?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** The fields of a thrown value that can be read, because a getter may throw. */
function fieldsOf(thrown: unknown): ThrownFields {
  if (typeof thrown !== 'object' || thrown === null) return {};
  const fields: Record<string, unknown> = {};
  for (const name of ['code', 'retryable', 'stack', 'cause', 'errors'] as const) {
    try {
      fields[name] = Reflect.get(thrown, name);
    } catch {
      continue;
    }
  }
  return fields;
}

/** Describes a thrown value of any kind as one text of bounded length. Never throws. */
export function describeThrown(thrown: unknown): string {
  try {
    // A message may have been assigned, so it can be of any type.
    const said: unknown = thrown instanceof Error ? thrown.message || thrown.name : `${String(thrown)} was thrown`;
    return clipped(String(said), failureMaxChars.message);
  } catch {
    return cannotBeShown;
  }
}

function refused(reason: FailureReason, message: string): HandlerOutcome {
  return { kind: 'failed', failure: { reason, message: clipped(message, failureMaxChars.message) }, retryable: false };
}
