/**
 * What a job needs of the node that runs it: a handler by name and, if someone said so, a version. A version is needed
 * exactly (`1.4.0`, any text a handler may call its version) or at least (`>=1.4`). Pure.
 */
import type { JobSpec } from './job.ts';

export interface HandlerNeed {
  readonly handler: string;
  /** Absent: any version. */
  readonly version?: string;
}

/** What a node has. */
export interface HandlerVersion {
  readonly name: string;
  readonly version: string;
}

/** What the specification of a job asks for. */
export function needOf({ handler, handlerVersion: version }: Pick<JobSpec, 'handler' | 'handlerVersion'>): HandlerNeed {
  return version === undefined ? { handler } : { handler, version };
}

const exactPattern = /^[A-Za-z0-9._+-]{1,64}$/;
const leastPattern = /^>=(\d{1,9}(?:\.\d{1,9}){0,2})$/;
const numberedPattern = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([^+]*))?(?:\+.*)?$/;

/** For messages to callers. */
export const versionNeedText = 'a version such as "1.4.0", or at least one such as ">=1.4"';

export function isVersionNeed(text: string): boolean {
  return exactPattern.test(text) || leastPattern.test(text);
}

export function meetsNeed(have: HandlerVersion, need: HandlerNeed): boolean {
  return have.name === need.handler && (need.version === undefined || meetsVersion(have.version, need.version));
}

export function meetsVersion(version: string, needed: string): boolean {
  const least = leastPattern.exec(needed)?.[1];
  if (least === undefined) return version === needed;
  return isNumbered(version) && compareVersions(version, least) >= 0;
}

/** The need that this version and all after it meet; a version without numbers has no order and stands alone. */
export function atLeast(version: string): string {
  const [, major, minor, patch, before] = numberedPattern.exec(version) ?? [];
  // Of a version before a release only it is known to do.
  if (major === undefined || before !== undefined) return version;
  return `>=${[major, minor, patch].filter((part) => part !== undefined).join('.')}`;
}

export function needText({ handler, version }: HandlerNeed): string {
  return version === undefined ? handler : `${handler}@${version}`;
}

function isNumbered(version: string): boolean {
  return numberedPattern.test(version);
}

/** Older first. By number, `1.4.0-rc.1` before `1.4.0`; versions without numbers before all that have some. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numberedPattern.exec(a), numberedPattern.exec(b)];
  if (left === null || right === null) return Number(left !== null) - Number(right !== null) || compareText(a, b);
  for (const part of [1, 2, 3]) {
    const difference = Number(left[part] ?? 0) - Number(right[part] ?? 0);
    if (difference !== 0) return difference;
  }
  const [before, after] = [left[4], right[4]];
  if (before === undefined || after === undefined) return Number(before === undefined) - Number(after === undefined);
  return compareText(before, after);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
