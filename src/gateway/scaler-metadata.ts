/**
 * Parses the metadata of a KEDA trigger: the worker class it asks for. All problems are reported together, each with
 * its key.
 */
import { FieldChecks } from '../application/calls/field-checks.ts';
import type { ScaledObjectRef } from '../contract/external-scaler.ts';
import type { WorkerClass } from '../domain/demand.ts';
import { TroupeError } from '../domain/errors.ts';
import { handlerNamePattern, namePattern } from '../domain/queue.ts';
import { workerClassPattern, workerClassText } from '../domain/worker-class.ts';
import { given } from '../domain/given.ts';

export interface ScaledClass extends WorkerClass {
  /** Attempts that one pod runs at a time. */
  readonly slotsPerPod: number;
}

/** Queues, and handlers, that one trigger may list. */
const namesMax = 100;
const slotsPerPodMax = 1_024;
const field = 'scalerMetadata';
/** KEDA sends all metadata of the trigger, including these keys of its own. */
const ofKeda = ['scalerAddress', 'enableTLS', 'unsafeSsl', 'tlsCertFile'];
const ofTroupe = ['workerClass', 'slotsPerPod', 'queues', 'handlers'];

/** Throws INVALID_ARGUMENT. KEDA shows only the message, so the message contains everything. */
export function readScaledClass(ref: Pick<ScaledObjectRef, 'scalerMetadata'> | null): ScaledClass {
  const metadata = new Map(Object.entries(ref?.scalerMetadata ?? {}));
  const checks = new FieldChecks();
  for (const key of metadata.keys()) {
    if (![...ofKeda, ...ofTroupe].includes(key)) checks.add(`${field}.${key}`, `is none of ${ofTroupe.join(', ')}`);
  }
  const name = metadata.get('workerClass') ?? '';
  if (name === '') checks.add(`${field}.workerClass`, 'is required');
  else if (!workerClassPattern.test(name)) checks.add(`${field}.workerClass`, `must be ${workerClassText}`);
  const slotsPerPod = slots(metadata.get('slotsPerPod') ?? '', checks);
  const queues = names('queues', metadata.get('queues'), namePattern, checks);
  const handlers = names('handlers', metadata.get('handlers'), handlerNamePattern, checks);
  const { violations } = checks;
  if (violations.length > 0) {
    const message = violations.map(({ field: path, description }) => `${path} ${description}`).join('; ');
    throw new TroupeError('INVALID_ARGUMENT', { message, violations });
  }
  return { name, slotsPerPod, ...given({ queues, handlers }) };
}

function slots(text: string, checks: FieldChecks): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (text === '') checks.add(`${field}.slotsPerPod`, 'is required');
  else if (!(count >= 1 && count <= slotsPerPodMax)) {
    checks.add(`${field}.slotsPerPod`, `must be a whole number from 1 to ${slotsPerPodMax}`);
  }
  return count;
}

function names(
  key: 'queues' | 'handlers',
  text: string | undefined,
  pattern: RegExp,
  checks: FieldChecks,
): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const found = text.split(',').map((name) => name.trim());
  if (found.length > namesMax) checks.add(`${field}.${key}`, `must be at most ${namesMax} names`);
  else if (!found.every((name) => pattern.test(name))) {
    checks.add(`${field}.${key}`, `must be names separated by commas, each matching ${pattern.source}`);
  }
  return found;
}
