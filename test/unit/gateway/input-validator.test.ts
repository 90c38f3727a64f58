import { describe, expect, it } from 'vitest';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import { createInputValidator } from '../../../src/gateway/input-validator.ts';
import { silentLog } from '../../support/stores.ts';

const manifest = (inputSchema: Record<string, unknown>): HandlerManifest => ({
  name: 'test.any',
  version: '1',
  inputKind: 'json',
  inputSchema,
});

describe('input validator', () => {
  it('names the place by a JSON pointer, with odd names escaped', () => {
    const validator = createInputValidator(silentLog);
    const schema = {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'integer' } }, 'a/b~c': { type: 'string' } },
      required: ['a/b~c'],
      additionalProperties: false,
    };
    expect(validator.validate(manifest(schema), { list: [1, 'x'], more: 1 })).toEqual([
      { pointer: '/a~1b~0c', description: 'is required' },
      { pointer: '/more', description: 'is not allowed' },
      { pointer: '/list/1', description: 'must be integer' },
    ]);
    expect(validator.validate(manifest(schema), { 'a/b~c': '' })).toEqual([]);
    expect(validator.validate(manifest({ type: 'string' }), 1)).toEqual([
      { pointer: '', description: 'must be string' },
    ]);
  });

  it('follows a handler that publishes another schema', () => {
    const validator = createInputValidator(silentLog);
    expect(validator.validate(manifest({ type: 'string' }), 'x')).toEqual([]);
    expect(validator.validate(manifest({ type: 'number' }), 'x')).toHaveLength(1);
  });

  it('is bounded in what it names', () => {
    const validator = createInputValidator(silentLog);
    const input = Array.from({ length: 10_000 }, () => 'x');
    expect(validator.validate(manifest({ type: 'array', items: { type: 'number' } }), input)).toHaveLength(50);
  });

  it.each([
    ['items', { type: 'array', items: { type: 'object', required: ['a'] } }],
    ['items of several parts', { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } }],
    ['items of a definition', { $defs: { d: { type: 'string' } }, type: 'array', items: { $ref: '#/$defs/d' } }],
  ])('looks at no more than it names: %s', (_, schema) => {
    let looks = 0;
    const input = new Proxy(
      Array.from({ length: 100_000 }, () => 0),
      {
        get(target, key, self) {
          if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
          return Reflect.get(target, key, self) as unknown;
        },
      },
    );
    expect(createInputValidator(silentLog).validate(manifest(schema), input)).toHaveLength(50);
    expect(looks).toBeLessThan(200);
  });

  it('looks at no more keys than it names', () => {
    const input = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, 1]));
    let looks = 0;
    const counted = new Proxy(input, {
      get(target, key, self) {
        if (typeof key === 'string' && key.startsWith('k')) looks += 1;
        return Reflect.get(target, key, self) as unknown;
      },
    });
    const schema = { type: 'object', additionalProperties: { type: 'string' } };
    expect(createInputValidator(silentLog).validate(manifest(schema), counted)).toHaveLength(50);
    expect(looks).toBeLessThan(200);
  });

  it('finds one wrong item behind many right ones, and takes what one branch takes after another has failed often', () => {
    const validator = createInputValidator(silentLog);
    const numbers = { type: 'array', items: { type: 'number' } };
    const long = Array.from({ length: 10_000 }, () => 'x');
    expect(validator.validate(manifest(numbers), [...Array.from({ length: 10_000 }, () => 1), 'x'])).toHaveLength(1);
    const either = { anyOf: [numbers, { type: 'array', items: { type: 'string' } }] };
    expect(validator.validate(manifest(either), long)).toEqual([]);
    expect(validator.validate(manifest(either), [...long, 1]).length).toBeGreaterThan(0);
  });

  describe.each(['anyOf', 'oneOf'])('of a tree of unions (%s)', (union) => {
    const operation = (op: string) => ({
      type: 'object',
      properties: { op: { const: op }, left: { $ref: '#' }, right: { $ref: '#' } },
      required: ['op', 'left', 'right'],
    });
    const number = {
      type: 'object',
      properties: { op: { const: 'number' }, value: { type: 'number' } },
      required: ['value'],
    };
    const schema = { [union]: [number, ...['add', 'subtract', 'multiply', 'divide'].map(operation)] };
    const leaf = { op: 'number', value: 1 };
    const tree = (depth: number, last: unknown): unknown =>
      depth === 0 ? last : { op: 'divide', left: tree(depth - 1, last), right: leaf };

    it('takes no more looks than the size of the input allows', () => {
      let looks = 0;
      const last = { op: 'number', value: 1 };
      Object.defineProperty(last, 'value', { enumerable: true, get: () => (looks += 1) });
      const validator = createInputValidator(silentLog);
      expect(validator.validate(manifest(schema), tree(8, last))).toEqual([]);
      expect(looks).toBeGreaterThan(0);
      expect(looks).toBeLessThan(3_000);
      expect(validator.validate(manifest(schema), tree(60, leaf))).toEqual([]);
    });

    it('finds what is wrong not far down', () => {
      const validator = createInputValidator(silentLog);
      expect(validator.validate(manifest(schema), tree(2, leaf))).toEqual([]);
      expect(validator.validate(manifest(schema), tree(2, { op: 'power' })).length).toBeGreaterThan(0);
    });
  });

  it('a schema that refers to itself without end says nothing', () => {
    const validator = createInputValidator(silentLog);
    for (const loop of [
      { $ref: '#' },
      { anyOf: [{ $ref: '#' }] },
      { allOf: [{ items: { $ref: '#' } }, { anyOf: [{ $ref: '#' }] }] },
    ])
      expect(validator.validate(manifest(loop), [[1]])).toEqual([]);
  });

  it('looks at the values of a long enum once for all items', () => {
    let looks = 0;
    const names = Array.from({ length: 1_000 }, (_, at) => `name ${at}`);
    const counted = new Proxy(names, {
      get(target, key, self) {
        if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
        return Reflect.get(target, key, self) as unknown;
      },
    });
    const validator = createInputValidator(silentLog);
    const one = manifest({ type: 'array', items: { enum: counted } });
    const last = Array.from({ length: 1_000 }, () => 'name 999');
    expect(validator.validate(one, last)).toEqual([]);
    expect(validator.validate(one, [...last, 'name'])).toEqual([
      { pointer: '/1000', description: 'must be equal to one of the allowed values' },
    ]);
    expect(looks).toBeLessThan(20_000);
  });

  it('lets pass what it has no usable schema for', () => {
    const validator = createInputValidator(silentLog);
    const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' };
    for (const broken of [
      draft7,
      { $schema: 7 },
      { items: 5 },
      { anyOf: 3 },
      { $ref: '#/nowhere' },
      { $id: 5 },
      { enum: 3 },
    ])
      expect(validator.validate(manifest(broken), 1), JSON.stringify(broken)).toEqual([]);
    expect(validator.validate(manifest({ type: 'no such type' }), 1)).toEqual([]);
    expect(validator.validate({ name: 'x', version: '1', inputKind: 'any' }, 1)).toEqual([]);
  });
});
