/**
 * The shape of a manifest. `defineHandler` ensures it, but a module need not have called `defineHandler`. The module
 * may export an object of its own, one of another version of this package, or a schema whose library produces something
 * other than JSON Schema. Then that file is broken, and no other one.
 */
import { z } from 'zod';
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import { errorCodePattern, nonRetryableCodesMax } from '../../../domain/retry-policy.ts';
import {
  attemptsRange,
  coefficientRange,
  delayRange,
  lossesRange,
  type Range,
} from '../../../domain/setting-ranges.ts';
import { handlerNamePattern } from '../../../domain/queue.ts';
import { handlerVersionPattern } from '../../../handlers/definition.ts';

/** A manifest travels as one message, so a larger schema is left out. Then only the handler itself checks its input. */
const schemaMaxBytes = 256 * 1_024;

const dayMs = 86_400_000;
const whole = (min: number, max: number): z.ZodInt => z.int().min(min).max(max);
const within = ({ min, max, integer }: Range): z.ZodNumber =>
  (integer === true ? z.int() : z.number()).min(min).max(max);

export const manifestShape: z.ZodType<HandlerManifest> = z.object({
  name: z.string().regex(handlerNamePattern),
  version: z.string().regex(handlerVersionPattern),
  inputKind: z.enum(['json', 'bytes', 'any']),
  inputStreamed: z.boolean().exactOptional(),
  inputSchema: z.record(z.string(), z.unknown()).exactOptional(),
  executionTimeoutMs: whole(10, 7 * dayMs).exactOptional(),
  heartbeatTimeoutMs: whole(0, 7 * dayMs).exactOptional(),
  memoryMb: whole(32, 65_536).exactOptional(),
  memoryMaxMb: whole(32, 65_536).exactOptional(),
  retry: z
    .object({
      maxAttempts: within(attemptsRange).exactOptional(),
      maxLosses: within(lossesRange).exactOptional(),
      initialMs: within(delayRange).exactOptional(),
      coefficient: within(coefficientRange).exactOptional(),
      maxMs: within(delayRange).exactOptional(),
      nonRetryableCodes: z.array(z.string().regex(errorCodePattern)).max(nonRetryableCodesMax).exactOptional(),
    })
    .exactOptional(),
  cancelGraceMs: whole(0, 600_000).exactOptional(),
});

/**
 * Returns the manifest, or a text that says what is wrong with it. A schema is left out if it is too large, or if JSON
 * cannot express it.
 */
export function manifestOrProblem(told: unknown): HandlerManifest | string {
  const parsed = manifestShape.safeParse(withUsableSchema(told));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `it was not made by defineHandler: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not valid'}`;
}

function withUsableSchema(told: unknown): unknown {
  if (typeof told !== 'object' || told === null || !('inputSchema' in told)) return told;
  const { inputSchema, ...others } = told;
  const text = jsonOf(inputSchema);
  const usable = text?.startsWith('{') === true && Buffer.byteLength(text) <= schemaMaxBytes;
  return usable ? { ...others, inputSchema: JSON.parse(text) as unknown } : others;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
