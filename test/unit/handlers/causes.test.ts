// What stands behind an error of a handler: causes, members, codes. Bounded, and never the reason of another failure.
import { describe, expect, it } from 'vitest';
import { failureCausesMax, type Failure } from '../../../src/domain/job.ts';
import { outcomeOfThrown } from '../../../src/handlers/execution.ts';

function failureOf(thrown: unknown): Failure {
  const outcome = outcomeOfThrown(thrown);
  if (outcome.kind !== 'failed') throw new Error(`it ended as ${outcome.kind}`);
  return outcome.failure;
}

const coded = (message: string, code: unknown, more: object = {}): Error =>
  Object.assign(new Error(message), { code }, more);

it('keeps the cause of a failed fetch, with its code', () => {
  const refused = coded('connect ECONNREFUSED 127.0.0.1:9', 'ECONNREFUSED');
  expect(failureOf(new TypeError('fetch failed', { cause: refused }))).toMatchObject({
    message: 'fetch failed',
    causes: [{ message: 'connect ECONNREFUSED 127.0.0.1:9', code: 'ECONNREFUSED' }],
  });
  expect(failureOf(new Error('alone'))).not.toHaveProperty('causes');
});

it('keeps the members of an AggregateError, each before what stands behind it, then the cause', () => {
  const thrown = new AggregateError(
    [coded('first', 'E1', { cause: coded('behind the first', 1045) }), 'only text', undefined],
    'all have failed',
    { cause: coded('at last', 'E9') },
  );
  expect(failureOf(thrown).causes).toEqual([
    { message: 'first', code: 'E1' },
    { message: 'behind the first', code: '1045' },
    { message: 'only text was thrown' },
    { message: 'at last', code: 'E9' },
  ]);
});

it('takes numbers for codes, and nothing else than text and numbers', () => {
  expect(failureOf(coded('sqlite', 787)).code).toBe('787');
  for (const code of [undefined, null, {}, true, Symbol('s')]) expect(failureOf(coded('x', code)).code).toBeUndefined();
});

it('is bounded in number and length, ends where it comes back to itself, and bears getters that throw', () => {
  const wide = new AggregateError(
    Array.from({ length: 100 }, (_, at) => coded('m'.repeat(5_000), `C${at}`.padEnd(500, 'x'))),
    'many',
  );
  const causes = failureOf(wide).causes ?? [];
  expect(causes).toHaveLength(failureCausesMax);
  expect(causes.every(({ message, code = '' }) => message.length === 300 && code.length === 100)).toBe(true);

  const round = coded('round', 'A');
  round.cause = coded('and back', 'B', { cause: round });
  expect(failureOf(round).causes).toEqual([{ message: 'and back', code: 'B' }]);

  let long: Error = new Error('deepest');
  for (let depth = 0; depth < 100_000; depth += 1) long = new Error('link', { cause: long });
  expect(failureOf(long).causes).toHaveLength(failureCausesMax);

  const throwing = {
    get: (): never => {
      throw new Error('not for you');
    },
  };
  const hostile = Object.defineProperties(new Error('hostile'), { cause: throwing, code: throwing, errors: throwing });
  expect(failureOf(hostile)).toMatchObject({ reason: 'HANDLER_FAILED', message: 'hostile' });
});

it('cuts texts between characters', () => {
  const { message, stack = '' } = failureOf(
    Object.assign(new Error('x'.repeat(999) + '🎉'), { stack: 's'.repeat(3_999) + '🎉' }),
  );
  expect(message.isWellFormed()).toBe(true);
  expect(stack.isWellFormed()).toBe(true);
});

describe('an error that fights back', () => {
  const traps: ProxyHandler<object> = {};
  for (const trap of ['get', 'has', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'ownKeys'] as const)
    traps[trap] = () => {
      throw hostile as Error;
    };
  const hostile: object = new Proxy({}, traps);
  const throwing = (name: PropertyKey): Error =>
    Object.defineProperty(new Error('odd'), name, {
      get() {
        throw hostile as Error;
      },
    });

  it.each([
    ['a proxy that throws itself', hostile],
    ['a proxy that is revoked', revoked({})],
    ['a getter for its fate', throwing(Symbol.for('troupe.handler.fate'))],
    ['a getter for its message', throwing('message')],
    ['members that are a revoked proxy', Object.assign(new Error('odd'), { errors: revoked([]) })],
    [
      'members with a slice of their own',
      Object.assign(new Error('odd'), { errors: Object.assign([], { slice: () => 5 }) }),
    ],
    ['a message that is a symbol', Object.assign(new Error(), { message: Symbol('s') })],
  ])('is a failure in words: %s', (_what, thrown) => {
    const { reason, message } = failureOf(thrown);
    expect(reason).toBe('HANDLER_FAILED');
    expect(message).toMatch(/^(odd|a value that cannot be shown was thrown|Symbol\(s\))$/);
  });

  it('keeps a message that is no text, as text', () => {
    expect(failureOf(Object.assign(new Error(), { message: 42 })).message).toBe('42');
    const slice = (): object => ({ toWellFormed: () => ({}) });
    expect(typeof failureOf(Object.assign(new Error(), { message: { length: 1, slice } })).message).toBe('string');
  });
});

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}
