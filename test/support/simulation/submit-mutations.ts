/** Seeded bugs in a shard's answers to submits: of repeated jobs, and of streamed inputs. */
import { hash } from 'node:crypto';
import type { ItemResult, SubmitItem, SubmitResult } from '../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { composeJobId } from '../../../src/domain/job-id.ts';
import { acceptJob } from '../../../src/domain/transitions.ts';
import { epochMs } from './host.ts';
import { type Change, keyless, type Mutation, onHandler } from './mutation.ts';

export const submitMutations: Readonly<Record<string, Mutation>> = {
  'a job that is submitted again is answered and not made': {
    breaks: [1],
    within: 40,
    change: onEachSubmit((item, one) => (item.spec.retryOf === undefined ? one(item) : answered(item))),
  },
  'a job is submitted again twice': {
    breaks: [4],
    within: 40,
    change: onEachSubmit((item, one) => {
      if (item.spec.retryOf !== undefined) void one(keyless(item));
      return one(item);
    }),
  },
  'a job of a streamed submit is answered and not made': {
    breaks: [1],
    within: 20,
    change: onEachSubmit((item, one) => (isStreamed(item) ? answered(item) : one(item))),
  },
  'a streamed submit makes two jobs': {
    breaks: [4],
    within: 20,
    change: onEachSubmit((item, one) => {
      if (isStreamed(item)) void one(keyless(item));
      return one(item);
    }),
  },
};

type SubmitOne = (item: SubmitItem) => Promise<ItemResult<SubmitResult>>;

function onEachSubmit(change: (item: SubmitItem, one: SubmitOne) => Promise<ItemResult<SubmitResult>>): Change {
  return onHandler((handler) => (verb, items) => {
    if (verb !== 'submit') return handler(verb, items);
    const one: SubmitOne = async (item) => {
      const [result] = await handler('submit', [item]);
      return result ?? { error: new TroupeError('SHARD_UNAVAILABLE').toWire() };
    };
    return Promise.all(items.map((item) => change(item as SubmitItem, one)));
  });
}

/** Whether the input was streamed. No other input of the load is bytes. */
function isStreamed({ spec: { input } }: SubmitItem): boolean {
  return input.kind === 'ref' && input.encoding === 'bytes';
}

/** Answers as if the job had been created, although nobody has written it. */
function answered({ spec }: SubmitItem): Promise<ItemResult<SubmitResult>> {
  const number = BigInt(`0x${hash('sha256', JSON.stringify(spec), 'hex').slice(0, 8)}`);
  const id = composeJobId({ createdAtMs: epochMs, shard: 0, queueNo: 1 }, number);
  return Promise.resolve({ ok: { record: acceptJob({ id, spec, nowMs: epochMs }), duplicate: false } });
}
