/** What a gateway refuses, the handler would refuse: for schemas as people write them, and inputs near them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createInputValidator } from '../../../src/gateway/input-validator.ts';
import { defineHandler } from '../../../src/handlers/definition.ts';
import { manifestOf } from '../../../src/handlers/manifest.ts';
import { silentLog } from '../../support/stores.ts';

const validator = createInputValidator(silentLog);

/** What the edge says to inputs, as JSON brings them. */
function edgeOf(schema: z.ZodType): (input: unknown) => boolean {
  const manifest = manifestOf(defineHandler({ name: 'test.any', input: schema, run: () => null }));
  return (input) => validator.validate(manifest, JSON.parse(JSON.stringify(input))).length > 0;
}

const texts = ['', 'a', 'ABC', ' Hello ', 'hello', '5', '8.69', '🎉', 'true', 'x@y.zz', '2026-01-01', 'toString'];
const numbers = [0, 1, -1, 5, 8.69, 0.1, 2.5, 1e21, 2 ** 53 + 2];
const value = fc.oneof(
  fc.constantFrom<unknown>(...texts, ...numbers, true, false, null),
  fc.jsonValue({ maxDepth: 2 }),
  fc.dictionary(
    fc.constantFrom('a', 'b', 'toString', 'constructor', '__proto__'),
    fc.constantFrom<unknown>(...texts, ...numbers, null),
    { maxKeys: 3 },
  ),
  fc.array(fc.constantFrom<unknown>(...texts, ...numbers, null, {}), { maxLength: 4 }),
);

const leaf: fc.Arbitrary<z.ZodType> = fc.constantFrom<z.ZodType>(
  ...[z.string(), z.string().min(2), z.string().max(1), z.string().length(2), z.string().regex(/^[a-z]+$/)],
  ...[z.string().regex(/^[a-z]+$/i), z.string().regex(/^..$/s), z.string().regex(/^\p{L}+$/u), z.email(), z.iso.date()],
  ...[
    z.string().trim(),
    z
      .string()
      .trim()
      .toLowerCase()
      .regex(/^[a-z]+$/),
    z.string().trim().max(5),
    z.string().includes('a'),
  ],
  ...[z.string().startsWith('h'), z.string().toUpperCase().endsWith('O'), z.string().normalize().min(1)],
  ...[z.number(), z.int(), z.number().multipleOf(0.01), z.number().multipleOf(3), z.number().positive().max(10)],
  ...[z.coerce.number(), z.coerce.string(), z.coerce.boolean(), z.coerce.number().int().min(3), z.number().catch(0)],
  ...[z.string().catch('x'), z.boolean(), z.null(), z.any(), z.unknown(), z.literal('a'), z.literal([1, 'a'])],
  ...[z.enum(['a', 'hello']), z.string().default('d'), z.number().prefault(1), z.string().transform(Number)],
  ...[z.preprocess((raw) => String(raw), z.string().max(3)), z.stringbool(), z.number().refine((n) => n > 2)],
  ...[
    z
      .string()
      .transform((text) => text.length)
      .pipe(z.number().max(2)),
    z.templateLiteral(['a', z.number()]),
  ],
);

const schema: fc.Arbitrary<z.ZodType> = fc.letrec<{ any: z.ZodType; node: z.ZodType }>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, { weight: 2, arbitrary: leaf }, { weight: 3, arbitrary: tie('node') }),
  node: fc.oneof(
    fc
      .tuple(
        fc.constantFrom('loose', 'strict', 'strip'),
        fc.dictionary(fc.constantFrom('a', 'b', 'toString', 'constructor'), tie('any'), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      )
      .map(([kind, shape]) =>
        kind === 'loose' ? z.looseObject(shape) : kind === 'strict' ? z.strictObject(shape) : z.object(shape),
      ),
    tie('any').map((item) => z.array(item).max(3)),
    tie('any').map((item) => z.record(z.string(), item)),
    tie('any').map((item) => z.record(z.string().regex(/^[A-Z]$/i), item)),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => z.tuple([one, other])),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => z.tuple([one], other)),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => z.union([one, other])),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => z.xor([one, other])),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => z.intersection(one, other)),
    tie('any').map((inner) => inner.optional()),
    tie('any').map((inner) => inner.nullable()),
    tie('any').map((inner) => inner.readonly()),
    tie('any').map((inner) => inner.nullish()),
    tie('any').map((inner) => inner.catch(null)),
    tie('any').map((inner) => z.preprocess((raw) => (raw === null ? 'a' : raw), inner)),
    tie('any').map((inner) => z.lazy(() => inner)),
  ),
})).any;

const strictA = z.strictObject({ a: z.number() });
const strictB = z.strictObject({ b: z.number() });
const strictTree = z.strictObject({
  a: z.number(),
  get next() {
    return strictTree.optional();
  },
});

/** Zod throws what it cannot merge: a thing that a handler refuses as well. */
function takes(one: z.ZodType, input: unknown): boolean {
  try {
    return one.safeParse(JSON.parse(JSON.stringify(input))).success;
  } catch {
    return false;
  }
}

describe('the check of inputs at the edge', () => {
  // Each of its schemas is compiled twice: half a minute is too little on a busy machine.
  it('refuses nothing that the handler takes', { timeout: 180_000 }, () => {
    let refused = 0;
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 8, maxLength: 8 }), (one, inputs) => {
        const isRefused = edgeOf(one);
        for (const input of inputs) {
          if (!isRefused(input)) continue;
          refused += 1;
          expect(
            takes(one, input),
            JSON.stringify([z.toJSONSchema(one, { io: 'input', unrepresentable: 'any' }), input]),
          ).toBe(false);
        }
      }),
      { numRuns: 250 },
    );
    expect(refused).toBeGreaterThan(200);
  });

  it.each([
    [z.string().regex(/^[a-z]+$/i), 'ABC'],
    [z.number().multipleOf(0.01), 8.69],
    [
      z
        .string()
        .trim()
        .toLowerCase()
        .regex(/^[a-z]+$/),
      ' Hello ',
    ],
    [z.coerce.number(), '5'],
    [z.object({ n: z.number().catch(0) }), { n: 'x' }],
    [z.record(z.string(), z.number()), JSON.parse('{"__proto__": "x"}')],
    [z.strictObject({ toString: z.string() }), { toString: 'x' }],
    [z.object({ constructor: z.string() }).catchall(z.number()), { constructor: 'x', a: 1 }],
    [z.intersection(strictA.meta({ id: 'edge-a' }), strictB), { a: 1, b: 2 }],
    [z.intersection(strictA.nullable(), strictB), { a: 1, b: 2 }],
    [
      z.intersection(z.intersection(strictA.nullish(), strictB), z.strictObject({ c: z.number() })),
      { a: 1, b: 2, c: 3 },
    ],
    [z.intersection(strictTree, strictB), { a: 1, next: { a: 2 }, b: 2 }],
  ])('%# lets pass what it takes', (one, input) => {
    expect(takes(one, input)).toBe(true);
    expect(edgeOf(one)(input)).toBe(false);
  });

  it('still refuses what is plainly wrong', () => {
    const one = z.strictObject({
      name: z.string().max(3),
      list: z.array(z.int()).max(2),
      maybe: z.number().optional(),
    });
    const wrong = [{}, { name: 1, list: [] }, { name: 'long', list: [] }, { name: 'a', list: [1, 2, 3] }];
    for (const input of [...wrong, { name: 'a', list: [], more: 1 }, { name: 'a', list: ['x'] }, null, []]) {
      expect(edgeOf(one)(input), JSON.stringify(input)).toBe(true);
    }
  });
});
