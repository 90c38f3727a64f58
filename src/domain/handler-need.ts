/**
 * What a job requires of the node that runs it: a handler by name and, optionally, a version.
 * A version is either exact (`1.4.0`, or any other text that a handler may use as its version) or a minimum (`>=1.4`).
 * Pure.
 */
import type { JobSpec } from './job.ts';

/** A handler, and a version if one is required. */
export interface HandlerNeed {
  readonly handler: string;
  /** Default: any version. */
  readonly version?: string;
}

/** A handler that a node offers. */
export interface HandlerVersion {
  readonly name: string;
  readonly version: string;
}

/** The requirement in the spec of a job. */
export function needOf({ handler, handlerVersion: version }: Pick<JobSpec, 'handler' | 'handlerVersion'>): HandlerNeed {
  return version === undefined ? { handler } : { handler, version };
}

const exactPattern = /^[A-Za-z0-9._+-]{1,64}$/;
const leastPattern = /^>=(\d{1,9}(?:\.\d{1,9}){0,2})$/;
const numberedPattern = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([^+]*))?(?:\+.*)?$/;

/** For error messages to callers. */
export const versionNeedText = 'a version such as "1.4.0", or at least one such as ">=1.4"';

export function isVersionNeed(text: string): boolean {
  return exactPattern.test(text) || leastPattern.test(text);
}

/** True if the handler fulfils the requirement. */
export function meetsNeed(have: HandlerVersion, need: HandlerNeed): boolean {
  return have.name === need.handler && (need.version === undefined || meetsVersion(have.version, need.version));
}

export function meetsVersion(version: string, needed: string): boolean {
  const least = leastPattern.exec(needed)?.[1];
  if (least === undefined) return version === needed;
  return isNumbered(version) && compareVersions(version, least) >= 0;
}

/**
 * The requirement met by this version and all later ones. A version that is not numeric has no order, so only that
 * exact version meets the result.
 */
export function atLeast(version: string): string {
  const [, major, minor, patch, before] = numberedPattern.exec(version) ?? [];
  // A pre-release says nothing about later versions, so require exactly this one.
  if (major === undefined || before !== undefined) return version;
  return `>=${[major, minor, patch].filter((part) => part !== undefined).join('.')}`;
}

/** The requirement as text: `image.thumbnail@>=1.4`. */
export function needText({ handler, version }: HandlerNeed): string {
  return version === undefined ? handler : `${handler}@${version}`;
}

function isNumbered(version: string): boolean {
  return numberedPattern.test(version);
}

/**
 * Sorts older versions first, by number, with `1.4.0-rc.1` before `1.4.0`. Versions that are not numeric come before
 * all that are.
 */
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
