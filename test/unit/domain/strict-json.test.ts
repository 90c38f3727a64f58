// What JSON would lose is refused with its path; everything else comes back as it went.
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonDepthMax, NotJsonError, strictJson } from '../../../src/domain/strict-json.ts';

function refusal(value: unknown): string {
  try {
    return `accepted: ${String(strictJson(value, 'output'))}`;
  } catch (error) {
    expect(error).toBeInstanceOf(NotJsonError);
    return (error as NotJsonError).message;
  }
}

class Point {
  x = 1;
  readonly #secret = 2;
  sum(): number {
    return this.x + this.#secret;
  }
}

const cycle: { self?: unknown } = {};
cycle.self = { inside: [cycle] };
const sparse: unknown[] = [1];
sparse[2] = 3;
const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
};

describe('what JSON cannot say', () => {
  it.each<[string, unknown, string]>([
    ['NaN', NaN, 'NaN is no number of JSON'],
    ['Infinity', Infinity, 'Infinity is no number of JSON'],
    ['-Infinity', -Infinity, '-Infinity is no number of JSON'],
    ['a boxed NaN', Object(NaN), 'NaN is no number of JSON'],
    ['a BigInt', 1n, 'a BigInt, which JSON cannot represent: convert it to a string or a number'],
    ['a boxed BigInt', Object(1n), 'a BigInt, which JSON cannot represent: convert it to a string or a number'],
    ['a function', () => 1, 'a function, which JSON cannot say'],
    ['a symbol', Symbol('s'), 'a symbol, which JSON cannot say'],
    ['an Error', new TypeError('no'), 'TypeError: JSON cannot represent it'],
    ['an Error with fields', Object.assign(new Error('no'), { code: 'E' }), 'Error: JSON cannot represent it'],
    ['an Error of another realm', runInNewContext('new Error("no")'), 'Error: JSON cannot represent it'],
    ['a Promise', Promise.resolve(1), 'a Promise: await it first'],
    ['a thenable', { then: () => 1 }, 'a Promise: await it first'],
    ['a Map', new Map([[1, 2]]), 'Map: JSON cannot represent it'],
    ['a Set', new Set([1]), 'Set: JSON cannot represent it'],
    ['a Set of another realm', runInNewContext('new Set([1])'), 'Set: JSON cannot represent it'],
    ['a WeakMap', new WeakMap(), 'WeakMap: JSON cannot represent it'],
    ['a RegExp', /a/g, 'RegExp: JSON cannot represent it'],
    ['an invalid Date', new Date('nonsense'), 'an invalid Date'],
    ['a Buffer', Buffer.from('a'), 'bytes inside of JSON: hand them over alone, or as base64'],
    ['a typed array', new Float64Array(2), 'bytes inside of JSON: hand them over alone, or as base64'],
    ['an ArrayBuffer', new ArrayBuffer(2), 'bytes inside of JSON: hand them over alone, or as base64'],
    ['Headers', new Headers({ a: 'b' }), 'Headers: JSON cannot represent it'],
    ['search parameters', new URLSearchParams('a=b'), 'URLSearchParams: JSON cannot represent it'],
  ])('%s is refused, by its path', (_name, value, problem) => {
    expect(refusal({ rows: [0, { at: value }] })).toBe(`output.rows.1.at: ${problem}`);
  });

  it('is refused at the top as well', () => {
    expect(refusal(NaN)).toBe('output: NaN is no number of JSON');
    expect(refusal(new Map())).toBe('output: Map: JSON cannot represent it');
    expect(refusal(() => 1)).toBe('output: a function, which JSON cannot say');
  });

  it('is refused where it would become null, contain itself, or nest too deep', () => {
    expect(refusal({ list: [1, undefined] })).toBe('output.list.1: undefined in an array, which would become null');
    expect(refusal(sparse)).toBe('output.1: undefined in an array, which would become null');
    expect(refusal(cycle)).toBe('output.self.inside.0: it contains itself');
    expect(refusal(deep(jsonDepthMax))).toMatch(/^accepted/);
    expect(refusal(deep(jsonDepthMax + 1))).toBe(`output: nested deeper than ${jsonDepthMax} levels`);
    expect(refusal(deep(1_000_000))).toBe(`output: nested deeper than ${jsonDepthMax} levels`);
  });

  it('is refused where a value says so itself, or cannot be read', () => {
    expect(refusal({ a: { toJSON: () => ({ b: NaN }) } })).toBe('output.a.b: NaN is no number of JSON');
    const broken = {
      get a(): number {
        throw new Error('not now');
      },
    };
    expect(refusal({ broken })).toBe('output.broken: reading it threw: not now');
  });
});

describe('what JSON can say', () => {
  it('has one form for each type', () => {
    const shared = { n: 1 };
    expect(strictJson(undefined, 'output')).toBeUndefined();
    expect(strictJson(null, 'output')).toBe('null');
    expect(strictJson({ a: 1, b: undefined }, 'output')).toBe('{"a":1}');
    expect(strictJson(new Date(0), 'output')).toBe('"1970-01-01T00:00:00.000Z"');
    expect(strictJson(new URL('http://a/b'), 'output')).toBe('"http://a/b"');
    expect(strictJson(new Point(), 'output')).toBe('{"x":1}');
    expect(strictJson([shared, shared], 'output')).toBe('[{"n":1},{"n":1}]');
    expect(strictJson(Object.create(null), 'output')).toBe('{}');
    expect(strictJson(runInNewContext('({ a: [1] })'), 'output')).toBe('{"a":[1]}');
    expect(strictJson('half \ud83c', 'output')).toBe('"half \\ud83c"');
    expect(strictJson({ ['__proto__']: 1, toString: 2 }, 'output')).toBe(
      JSON.stringify({ ['__proto__']: 1, toString: 2 }),
    );
  });

  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(strictJson(value, 'output')).toBe(JSON.stringify(value));
      }),
    );
  });

  it('or is refused, whatever it is: no value loses a member silently', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let json: string | undefined;
        try {
          json = strictJson(value, 'output');
        } catch (error) {
          expect(error).toBeInstanceOf(NotJsonError);
          return;
        }
        expect(json).toBe(JSON.stringify(value));
        if (json !== undefined) expect(JSON.stringify(JSON.parse(json))).toBe(json);
      }),
    );
  });
});
