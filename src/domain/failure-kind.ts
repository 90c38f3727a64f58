/**
 * What failed jobs have in common: the handler, the reason, the code, and the text without what differs from job to job. Jobs of
 * one kind have the same id of it, in every process and version that knows no other rule.
 *
 * Readers who may not see texts have ids of their own, made without them. Else two readers could tell from an id what one of
 * them may not read. What is sealed or encoded has no text here.
 */
import { invariant } from './errors.ts';
import type { Failure, FailureReason, JobRecord } from './job.ts';
import { given } from './given.ts';

/** `t`: with texts. `p`: without. Then 15 hexadecimal digits. */
export const failureKindPattern = /^[tp][0-9a-f]{15}$/;

export function isMadeWithTexts(id: string): boolean {
  return id.startsWith('t');
}

export interface FailureKindFacts {
  readonly handler: string;
  readonly reason: FailureReason;
  readonly code?: string;
  /** Without numbers, ids and quoted parts. Absent without texts. */
  readonly message?: string;
  /** The first own line of the stack: function and file. Absent without texts, or if there is none. */
  readonly frame?: string;
}

const messageMaxChars = 200;
const frameMaxChars = 120;

/** Undefined for a job that has no failure. */
export function failureKindOf(
  { spec, failure }: Pick<JobRecord, 'spec' | 'failure'>,
  withTexts: boolean,
): FailureKindFacts | undefined {
  if (failure === undefined) return undefined;
  const { reason, code } = failure;
  const texts = withTexts && failure.sealed === undefined ? textsOf(failure) : {};
  return { handler: spec.handler, reason, ...given({ code }), ...texts };
}

function textsOf({ message, stack }: Failure): Pick<FailureKindFacts, 'message' | 'frame'> {
  return given({ message: withoutParticulars(message), frame: ownFrame(stack) });
}

/** Ids before numbers, and quoted parts before both: the longest word that differs takes its parts with it. */
const particulars: readonly (readonly [RegExp, string])[] = [
  [/"[^"]{0,500}"|'[^']{0,500}'|`[^`]{0,500}`/g, '"…"'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '#'],
  [/\b(?=[0-9a-z]*\d)[0-9a-z]{12,}\b/gi, '#'],
  [/\b0x[0-9a-f]+\b/gi, '#'],
  [/\d+(?:[.,:]\d+)*/g, '#'],
  [/\s+/g, ' '],
];

export function withoutParticulars(message: string): string {
  const plain = particulars.reduce((text, [pattern, instead]) => text.replace(pattern, instead), message).trim();
  return plain.slice(0, messageMaxChars);
}

/** Line numbers change with every version, folders with every machine. */
function ownFrame(stack: string | undefined): string | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const [, where] = /^\s*at (.+)$/.exec(line) ?? [];
    if (where === undefined || /node_modules|node:/.test(where)) continue;
    const { name, place } = frameParts(where);
    const file = place.slice(Math.max(place.lastIndexOf('/'), place.lastIndexOf('\\')) + 1).replace(/(:\d+){1,2}$/, '');
    return (name === undefined ? file : `${name} (${file})`).slice(0, frameMaxChars);
  }
  return undefined;
}

/** `name (place)`, or a place alone. Handlers write stacks as they like, and a pattern for this takes quadratic time. */
function frameParts(where: string): { readonly name?: string; readonly place: string } {
  const at = where.indexOf(' (', 1);
  const place = where.slice(at + 2, -1);
  return at === -1 || !where.endsWith(')') || place === '' ? { place: where } : { name: where.slice(0, at), place };
}

/** `digestOf` returns at least 15 hexadecimal digits of a hash. */
export function failureKindId(
  { handler, reason, code, message, frame }: FailureKindFacts,
  withTexts: boolean,
  digestOf: (text: string) => string,
): string {
  const parts = withTexts
    ? [handler, reason, code ?? null, message ?? null, frame ?? null]
    : [handler, reason, code ?? null];
  const digits = digestOf(JSON.stringify(parts)).slice(0, 15);
  invariant(digits.length === 15, 'a digest has at least 15 digits');
  return `${withTexts ? 't' : 'p'}${digits}`;
}
