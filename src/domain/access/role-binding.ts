/**
 * A role as it is given: in all queues, or in those whose names fit a pattern. Written `submitter` or
 * `submitter@reports-*`.
 */
import { fitsPattern } from '../name-pattern.ts';

export interface RoleBinding {
  readonly role: string;
  /** A name of a queue, or the beginning of one with `*` at its end. Undefined: all queues, and what is about none. */
  readonly queues: string | undefined;
}

const bindingPattern = /^([A-Za-z0-9_-]{1,64})(?:@([A-Za-z0-9_-]{0,64}\*|[A-Za-z0-9_-]{1,64}))?$/;

export const bindingText =
  'must be the name of a role, with @ and a queue or @ and the beginning of queues and * if need be';

/** Undefined if the text is none. */
export function parseBinding(text: string): RoleBinding | undefined {
  const [, role, queues] = bindingPattern.exec(text) ?? [];
  return role === undefined ? undefined : { role, queues };
}

/** The name of the role that a text gives. A text that gives none is returned as it is, and no role has that name. */
export function roleOf(text: string): string {
  return parseBinding(text)?.role ?? text;
}

/** Whether the name of a queue fits one of some patterns. Undefined: all queues do. */
export function isInSome(queue: string, patterns: readonly string[] | undefined): boolean {
  return patterns?.some((pattern) => fitsPattern(queue, pattern)) ?? true;
}

/** The patterns that cover this one, without itself. */
export function wider(pattern: string): readonly string[] {
  const text = pattern.replace(/\*$/, '');
  return Array.from({ length: text.length + 1 }, (_, length) => `${text.slice(0, length)}*`).filter(
    (other) => other !== pattern,
  );
}

/** Whether every queue that fits `narrow` fits `wide`, too. */
export function covers(wide: string, narrow: string): boolean {
  return narrow.endsWith('*')
    ? wide.endsWith('*') && fitsPattern(narrow.slice(0, -1), wide)
    : fitsPattern(narrow, wide);
}
