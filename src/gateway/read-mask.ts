/**
 * Which fields of a job a caller wants. A path names a field of `Job`, or one within a message of it; it is checked against
 * the contract itself, so a new field needs nothing here. Payloads are never part of a larger path: `spec` is all of the
 * spec but its input.
 */
import protobuf from 'protobufjs';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { loadContractRoot } from '../contract/root.ts';
import { TroupeError } from '../domain/errors.ts';

export interface ReadMask {
  readonly input: boolean;
  readonly output: boolean;
  /** History or attempts. */
  readonly history: boolean;
  /** What the caller wants of a job, and always its id. */
  pick(job: Init<wire.Job>): Init<wire.Job>;
}

const pathsMax = 100;
const shownMaxChars = 64;

/** Without paths: all that a list has. */
export function fromReadMask(mask: wire.FieldMask | null): ReadMask {
  const paths = mask?.paths ?? [];
  if (paths.length === 0) return { input: false, output: false, history: false, pick: (job) => job };
  const violations = violationsOf(paths);
  if (violations.length > 0)
    throw new TroupeError('INVALID_ARGUMENT', {
      violations: violations.map((description) => ({ field: 'read_mask', description })),
    });
  const wanted = paths.map((path) => path.split('.').map(camel));
  const names = (path: string): boolean => paths.some((other) => other === path || other.startsWith(`${path}.`));
  return {
    input: names('spec.input'),
    output: names('output'),
    history: names('history') || names('attempts'),
    pick: (job) => ({ ...(picked(job, wanted) as Init<wire.Job>), id: job.id }),
  };
}

function violationsOf(paths: readonly string[]): readonly string[] {
  if (paths.length > pathsMax) return [`must have at most ${pathsMax} paths`];
  return paths.flatMap((path) => {
    if (path.split('.')[0] === 'waiting') return ['waiting cannot be read of many jobs: use GetJob with explain'];
    return isField(path) ? [] : [`there is no field ${path.slice(0, shownMaxChars).toWellFormed()} of a job`];
  });
}

function isField(path: string): boolean {
  let type: protobuf.Type | undefined = loadContractRoot().lookupType('troupe.v1.Job');
  for (const name of path.split('.')) {
    const field: protobuf.Field | undefined = type?.fieldsArray.find((one) => snake(one.name) === name);
    if (field === undefined) return false;
    type = insideOf(field);
  }
  return true;
}

/** The message in which a path may go on. Of a list or a map it is all or nothing. */
function insideOf({ resolvedType, repeated, map }: protobuf.Field): protobuf.Type | undefined {
  if (repeated || map || !(resolvedType instanceof protobuf.Type)) return undefined;
  return resolvedType.fullName.startsWith('.troupe.') ? resolvedType : undefined;
}

function picked(from: object, paths: readonly (readonly string[])[]): object {
  const kept = Object.entries(from).flatMap(([name, value]: [string, unknown]) => {
    const inside = paths.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (inside.length === 0) return [];
    const isWhole = inside.some((rest) => rest.length === 0);
    if (isWhole || typeof value !== 'object' || value === null) return [[name, value]];
    return [[name, picked(value, inside)]];
  });
  return Object.fromEntries(kept) as object;
}

function camel(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
