// Where the output of a run lies, and until when.
import { expect, it } from 'vitest';
import { newAttempt, payloadLocation } from '../../../../src/actors/worker/node-attempt.ts';
import { attemptOutcome } from '../../../../src/actors/worker/attempt-payloads.ts';
import { defaultWorkerLimits } from '../../../../src/actors/worker/worker-services.ts';
import { payloadMarginMs, type PayloadStore } from '../../../../src/application/ports/payload-store.ts';
import { testRecord, testSpec } from '../../../support/jobs.ts';

const createdAtMs = 1_000;

async function place(
  json: string,
  payloadRetentionMs?: number,
  clocks: { node: number; shard?: number } = { node: 0 },
) {
  const puts: { id: string; expiresAtMs: number }[] = [];
  const payloads: PayloadStore = {
    writePayload: async ({ name }) => ({ id: name, bytes: 0, sha256: new Uint8Array() }),
    putPayload: async ({ name, expiresAtMs }) => {
      puts.push({ id: name, expiresAtMs });
      return name;
    },
    getPayload: async () => undefined,
    openPayload: async () => undefined,
    deletePayload: async () => undefined,
  };
  const spec = testSpec({ ...(payloadRetentionMs !== undefined && { payloadRetentionMs }) });
  const { id } = testRecord();
  const grant = { kind: 'granted', token: 't', attempt: 1, spec, createdAtMs, suspect: false } as const;
  const run = newAttempt(id, { ...grant, ...(clocks.shard !== undefined && { nowMs: clocks.shard }) }, clocks.node);
  const limits = { ...defaultWorkerLimits, inlineMaxBytes: 4 };
  const outcome = { kind: 'succeeded', output: { kind: 'json', json } } as const;
  return {
    id: `${id}/t/output`,
    outcome: await attemptOutcome(outcome, payloadLocation(run, 'output', { payloads, limits }), undefined),
    puts,
  };
}

it('a small output lies in the record, a larger one beside it, as long as the record', async () => {
  expect(await place('"ab"')).toMatchObject({ outcome: { output: { kind: 'json', json: '"ab"' } }, puts: [] });
  const { id, outcome, puts } = await place('"abc"');
  expect(outcome).toMatchObject({ output: { kind: 'ref', id, bytes: 5, encoding: 'json' } });
  // A record may stay for as long as its retention after a late end, an hour at most.
  expect(puts).toEqual([{ id, expiresAtMs: createdAtMs + 2 * testSpec().retentionMs + payloadMarginMs }]);
});

it('is kept for as long by the clock of the node that writes it', async () => {
  const keptMs = 2 * testSpec().retentionMs + payloadMarginMs;
  const { puts } = await place('"abc"', undefined, { node: 9_000_000, shard: createdAtMs + 5_000 });
  expect(puts.map(({ expiresAtMs }) => expiresAtMs)).toEqual([9_000_000 - 5_000 + keptMs]);
  const old = await place('"abc"', undefined, { node: 9_000_000 });
  expect(old.puts.map(({ expiresAtMs }) => expiresAtMs)).toEqual([createdAtMs + keptMs]);
});

it('with a retention of its own a small one lies beside the record too, no longer than that', async () => {
  const { id, outcome, puts } = await place('1', 60_000);
  expect(outcome).toMatchObject({ output: { kind: 'ref', bytes: 1 } });
  expect(puts).toEqual([{ id, expiresAtMs: createdAtMs + 60_000 + payloadMarginMs }]);
});
