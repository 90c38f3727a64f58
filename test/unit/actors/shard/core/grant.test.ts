/** The size of a grant, by which claims are put into one message: what does not fit into the answer is lost. */
import { expect, it } from 'vitest';
import { grantOf } from '../../../../../src/actors/shard/core/grant.ts';
import { shardVerbs } from '../../../../../src/application/ports/shard-protocol.ts';
import { keyRefMaxBytes, wrappedMaxBytes } from '../../../../../src/application/ports/key-wrapping.ts';
import { labelsMax } from '../../../../../src/domain/labels.ts';
import { nonRetryableCodesMax } from '../../../../../src/domain/retry-policy.ts';
import { testRecord } from '../../../../support/jobs.ts';

/** Six bytes for each character, as JSON. */
const widest = (chars: number): string => '\u0001'.repeat(chars);
/** A JSON document of 1 KiB, which is kept in the record. Within other JSON most of its characters are escaped. */
const inline = { kind: 'json', json: `"${'\\"'.repeat(511)}"` } as const;

/** 1 KiB sealed, and what is kept of a payload in the store: with the longest key reference and wrapped key. */
const sealed = { kind: 'sealed', envelope: 'A'.repeat(1_368), bytes: 1_024, encoding: 'json' } as const;
const sealedRef = {
  kind: 'sealed-ref',
  storedAs: 'i'.repeat(200),
  summary: 'A'.repeat(Math.ceil((5 + keyRefMaxBytes + wrappedMaxBytes + 12 + 56 + 16) / 3) * 4),
  bytes: 5 * 1_024 ** 4,
  encoding: 'bytes',
} as const;

it.each([{ inline }, { inline: sealed }, { inline: sealedRef }])(
  'a grant of a job with every option at its bound fits the size that is reckoned with: %#',
  ({ inline: input }) => {
    const word = 'w'.repeat(64);
    const record = testRecord({
      tenant: word,
      queue: word,
      handler: [word, word, word, word].join('.'),
      handlerVersion: word,
      input,
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
    const checkpoint = { payload: input, bytes: 1_024, attempt: 1, number: 1, atMs: 1 };
    const grant = grantOf({ ...record, checkpoint, memoryMb: 65_536 }, '1000000.1000', 1_700_000_000_000);
    expect(Buffer.byteLength(JSON.stringify({ ok: grant }))).toBeLessThan(shardVerbs.claim.answerBytes(0));
  },
);
