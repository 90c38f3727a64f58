/** The size of a grant, by which claims are put into one message: what does not fit into the answer is lost. */
import { expect, it } from 'vitest';
import { grantOf } from '../../../../../src/actors/shard/core/grant.ts';
import { shardVerbs } from '../../../../../src/application/ports/shard-protocol.ts';
import { labelsMax } from '../../../../../src/domain/labels.ts';
import { nonRetryableCodesMax } from '../../../../../src/domain/retry-policy.ts';
import { testRecord } from '../../../../support/jobs.ts';

/** Six bytes for each character, as JSON. */
const widest = (chars: number): string => '\u0001'.repeat(chars);
/** A JSON document of 1 KiB, which is kept in the record. Within other JSON most of its characters are escaped. */
const inline = { kind: 'json', json: `"${'\\"'.repeat(511)}"` } as const;

it('a grant of a job with every option at its bound fits the size that is reckoned with', () => {
  const word = 'w'.repeat(64);
  const record = testRecord({
    tenant: word,
    queue: word,
    handler: [word, word, word, word].join('.'),
    handlerVersion: word,
    input: inline,
    idempotencyKey: widest(256),
    unique: { key: widest(256), onConflict: 'replace-waiting', windowMs: 86_400_000 },
    concurrencyKey: widest(256),
    fairnessKey: widest(64),
    labels: Object.fromEntries(
      Array.from({ length: labelsMax }, (_, n) => [`${'l'.repeat(61)}${n + 10}`, widest(128)]),
    ),
    retry: {
      maxAttempts: 100,
      initialMs: 86_400_000,
      coefficient: 1.2345678901234,
      maxMs: 86_400_000,
      maxLosses: 10,
      nonRetryableCodes: Array.from({ length: nonRetryableCodesMax }, () => word),
    },
    traceparent: 't'.repeat(55),
  });
  const checkpoint = { payload: inline, bytes: 1_024, attempt: 1, number: 1, atMs: 1 };
  const grant = grantOf({ ...record, checkpoint, memoryMb: 65_536 }, '1000000.1000', 1_700_000_000_000);
  expect(Buffer.byteLength(JSON.stringify({ ok: grant }))).toBeLessThan(shardVerbs.claim.answerBytes(0));
});
