// Which variables handlers may be given, and which they get.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  handlerVariablesMaxChars,
  pickHandlerVariables,
  problemOfHandlerVariable,
} from '../../../src/domain/handler-variables.ts';

describe('an entry of the list', () => {
  it.each(['API_URL', 'NODE_ENV', 'http_proxy', 'PATH', '_X', 'APP_*', 'Ab_Cd_*', 'LDAP_URL', 'LDAP_*', 'NODEJS_*'])(
    '%s is fine',
    (entry) => {
      expect(problemOfHandlerVariable(entry)).toBeUndefined();
    },
  );

  it.each(['', '*', 'APP*', '_*', '1A', 'A-B', 'A=B', 'A B', 'APP_*X', '**', 'A'.repeat(129), `${'A'.repeat(128)}_*`])(
    '%j is neither a name nor a prefix',
    (entry) => {
      expect(problemOfHandlerVariable(entry)).toMatch(/^must be a name .* or a prefix that ends with _\*/);
    },
  );

  it.each([
    ['TROUPE_GATEWAY_OPERATOR_TOKEN', 'is not given to handlers (TROUPE_*): it configures Troupe itself'],
    ['TROUPE_*', 'is not given to handlers: it configures Troupe itself'],
    ['TROUPE_GATEWAY_*', '(TROUPE_*)'],
    ['troupe_x', '(TROUPE_*)'],
    ['NODE_OPTIONS', 'is not given to handlers: it changes Node in the threads'],
    ['NODE_*', '(NODE_OPTIONS)'],
    ['NODE_TLS_REJECT_UNAUTHORIZED', 'it turns off the check of certificates'],
    ['NODE_EXTRA_CA_CERTS', 'it has no effect in a thread'],
    ['LD_PRELOAD', '(LD_*): it changes what programs load'],
    ['LD_*', 'it changes what programs load'],
    ['DYLD_INSERT_LIBRARIES', '(DYLD_*)'],
  ])('%s is refused, and why', (entry, why) => {
    expect(problemOfHandlerVariable(entry)).toContain(why);
  });

  it('that is fine never picks what is refused by its name', () => {
    const word = fc.stringMatching(/^[A-Z_]{1,6}$/);
    const head = fc.constantFrom('', 'TROUPE_', 'NODE_', 'LD_', 'DYLD_', 'NODE_OPTIONS', 'TR', 'L', 'N_');
    const name = fc.tuple(head, word).map((parts) => parts.join(''));
    fc.assert(
      fc.property(name, fc.constantFrom('', '_*', '*'), name, (start, end, other) => {
        const entry = start + end;
        if (problemOfHandlerVariable(entry) !== undefined) return;
        for (const picked of pickHandlerVariables([entry], { [other]: 'x', [start]: 'y' }).values.keys())
          expect(problemOfHandlerVariable(picked)).toBeUndefined();
      }),
    );
  });
});

describe('what is picked', () => {
  const environment = { APP_A: '1', APP_B: '', APPLE: 'no', API_URL: 'http://x', HOME: '/root', GONE: undefined };

  it('is what the list names, empty values too, and nothing else', () => {
    const { values, missing } = pickHandlerVariables(['APP_*', 'API_URL', 'GONE', 'NOT_*', 'APP_A'], environment);
    expect([...values]).toEqual([
      ['APP_A', '1'],
      ['APP_B', ''],
      ['API_URL', 'http://x'],
    ]);
    expect(missing).toEqual(['GONE', 'NOT_*']);
  });

  it.each(['__proto__', 'constructor', 'toString'])('finds no %s where none is set', (name) => {
    expect(pickHandlerVariables([name], {})).toEqual({ values: new Map(), missing: [name] });
  });

  it('has a bound', () => {
    const all = handlerVariablesMaxChars - 'BIG'.length;
    expect(pickHandlerVariables(['BIG', 'BIG'], { BIG: 'x'.repeat(all) }).values.size).toBe(1);
    expect(() => pickHandlerVariables(['BIG'], { BIG: 'x'.repeat(all + 1) })).toThrow(
      /262145 characters; at most 262144/,
    );
  });
});
