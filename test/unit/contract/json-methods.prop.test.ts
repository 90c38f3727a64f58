// JSON of the contract: what fits becomes the bytes of the wire and comes back, what does not is refused with a place.
import { fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadContract } from '../../../src/contract/codec.ts';
import { loadJsonContract, UnreadableJson } from '../../../src/contract/json-methods.ts';
import { scanJson } from '../../../src/contract/json-scan.ts';
import { allMethods } from '../../support/raw-calls.ts';
import { contractTypes } from '../../support/web-calls.ts';

const contract = loadJsonContract();
const methodAt = (path: string) => {
  const method = contract.methods.get(path);
  if (method === undefined) throw new Error(`no method ${path}`);
  return method;
};
const submitPath = '/troupe.v1.Jobs/SubmitJob';

/** Parts that a request may have, or almost. */
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('1s', '2026-12-01T00:00:00Z', 'AA==', '-1', '18446744073709551616', 'JOB_STATE_QUEUED', '\ud800'),
);
const name = fc.constantFrom(
  ...['job', 'handler', 'labels', 'input', 'json', 'data', 'runTime', 'run_time', 'retention', 'retry', 'priority'],
  ...['requests', 'maxAttempts', '__proto__', 'constructor', 'toString', '', 'nope', '[troupe.v1.access]'],
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
  object: fc.dictionary(name, tie('value'), { maxKeys: 6, noNullPrototype: false }),
}));

describe('a request in JSON', () => {
  it('is bytes of its type, or is refused with at least one place', () => {
    const { jobs } = loadContract();
    fc.assert(
      fc.property(value, (given) => {
        const text = JSON.stringify(given);
        try {
          jobs.SubmitJob.requestDeserialize(methodAt(submitPath).requestBytes(text));
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableJson);
          const violations = (error as UnreadableJson).violations();
          expect(violations.length).toBeGreaterThan(0);
          for (const { field, description } of violations) expect(`${field} ${description}`.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps what it says', () => {
    const type = contractTypes.getMessage('troupe.v1.SubmitJobRequest');
    if (type === undefined) throw new Error('no type');
    const text = fc.string({ unit: 'grapheme' });
    const job = fc.record(
      {
        handler: text,
        labels: fc.dictionary(text, text),
        input: fc.oneof(fc.record({ json: text }), fc.record({ data: fc.base64String() })),
        priority: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        retention: fc.integer({ min: 0, max: 1_000_000 }).map((seconds) => `${seconds}s`),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(job, (given) => {
        const request = { job: given };
        const bytes = methodAt(submitPath).requestBytes(JSON.stringify(request));
        expect(bytes).toEqual(Buffer.from(toBinary(type, fromJson(type, request))));
      }),
    );
  });

  it('may be empty for every method', () => {
    for (const { path, requestDeserialize } of allMethods.values()) {
      expect(() => requestDeserialize(methodAt(path).requestBytes('{}'))).not.toThrow();
    }
  });

  it('stays what it is on its way to JSON and back', () => {
    const type = contractTypes.getMessage('troupe.v1.GetJobResponse');
    if (type === undefined) throw new Error('no type');
    const answer = {
      job: { id: 'x', spec: { labels: { ['__proto__']: 'y', toString: 'z' } }, state: 'JOB_STATE_QUEUED' },
    };
    const text = methodAt('/troupe.v1.Jobs/GetJob').answerText(toBinary(type, fromJson(type, answer)));
    expect(text).toBe(JSON.stringify(toJson(type, fromJson(type, answer))));
    expect(text).toContain('"__proto__":"y"');
  });
});

describe('the look before JSON is parsed', () => {
  it('finds nothing in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => scanJson(JSON.stringify(given)) === undefined),
      { numRuns: 1_000 },
    );
  });

  it('takes any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void scanJson(text)));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'{}[],:"\\a'.split('')), { maxLength: 60 }),
        (signs) => void scanJson(signs.join('')),
      ),
    );
  });

  it('finds the second of two names, however they are written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (key) => {
        const units = Array.from({ length: key.length }, (_, at) => key.charCodeAt(at).toString(16).padStart(4, '0'));
        const other = `"${units.map((unit) => `\\u${unit}`).join('')}"`;
        expect(scanJson(`[{${JSON.stringify(key)}:1,"_":{},${other}:2}]`)?.description).toBe('is given twice');
      }),
    );
  });

  it('says where', () => {
    expect(scanJson('{"a":[{"b":1},{"c":{"d":"\\"{","d":2}}]}')).toEqual({
      field: 'a[1].c.d',
      description: 'is given twice',
    });
    expect(scanJson('['.repeat(65))?.description).toContain('64 levels');
    expect(scanJson('['.repeat(64))).toBeUndefined();
  });
});
