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
    const input = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${String(at)}`, 1]));
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

  it('lets pass what it has no usable schema for', () => {
    const validator = createInputValidator(silentLog);
    expect(validator.validate(manifest({ type: 'no such type' }), 1)).toEqual([]);
    expect(validator.validate({ name: 'x', version: '1', inputKind: 'any' }, 1)).toEqual([]);
  });
});
