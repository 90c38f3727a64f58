// A large JSON is held against the schema of its handler by its thread alone: a gateway would stand still meanwhile.
import { expect, it } from 'vitest';
import { type Resolution, resolveJob, schemaCheckMaxBytes } from '../../../../src/application/jobs/job-resolution.ts';
import { emptyJobRequest } from '../../../../src/application/jobs/job-request.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { HandlerManifest } from '../../../../src/domain/handler-manifest.ts';
import { defaultQueueSettings } from '../../../../src/domain/queue.ts';
import { createInputValidator } from '../../../../src/gateway/input-validator.ts';
import { silentLog } from '../../../support/stores.ts';

const numbers = { inputKind: 'json', inputSchema: { type: 'array', items: { type: 'number' } } } as const;
const newest: HandlerManifest = { name: 'test.sum', version: '2.0.0', ...numbers };
const older: HandlerManifest = { name: 'test.sum', version: '1.0.0', ...numbers };
const queue = { tenant: 'default', name: 'default', queueNo: 1, settings: defaultQueueSettings };

function resolve(json: string): Resolution {
  return resolveJob(
    { ...emptyJobRequest, handler: 'test.sum', queue: 'default', input: { kind: 'json', json } },
    {
      tenant: 'default',
      queueName: 'default',
      nowMs: 0,
      payloadMaxBytes: 1_048_576,
      queue: { ...queue, version: 1, createdAtMs: 0, updatedAtMs: 0 },
      choice: { manifests: [newest, older] },
      known: { handlers: () => [], queues: () => [] },
      validator: createInputValidator(silentLog),
    },
  );
}

/** A list with one text in it, of so many bytes. */
const wrongOf = (bytes: number): string => `["${'x'.repeat(bytes - 4)}"]`;

it('is refused at the gateway up to the bound, and past it not looked at', () => {
  expect(() => resolve(wrongOf(schemaCheckMaxBytes))).toThrow(TroupeError);
  expect(resolve(wrongOf(schemaCheckMaxBytes + 1)).inputBytes).toBe(schemaCheckMaxBytes + 1);
});

it('runs where the newest version runs, since nobody knows whether an older one takes it', () => {
  expect(resolve('[1]').spec.handlerVersion).toBeUndefined();
  expect(resolve(wrongOf(schemaCheckMaxBytes + 1)).spec.handlerVersion).toBe('>=2.0.0');
});

it('is JSON all the same', () => {
  expect(() => resolve(`${wrongOf(schemaCheckMaxBytes)}]`)).toThrow(TroupeError);
});
