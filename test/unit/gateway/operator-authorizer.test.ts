import { describe, expect, it } from 'vitest';
import { createOperatorAuthorizer } from '../../../src/gateway/operator-authorizer.ts';

const operatorToken = 'a-token-of-some-length';

describe('the operator', () => {
  it('is whoever reaches a gateway without a token on loopback', () => {
    for (const host of ['127.0.0.1', 'localhost', '::1']) {
      expect(() => createOperatorAuthorizer({ operatorToken: undefined, host }).demand('operator', {})).not.toThrow();
    }
  });

  it('is nobody where others can reach the gateway and no token is configured, whatever they send', () => {
    const authorizer = createOperatorAuthorizer({ operatorToken: undefined, host: '0.0.0.0' });
    for (const caller of [{}, { bearerToken: '' }, { bearerToken: 'undefined' }]) {
      expect(() => authorizer.demand('operator', caller)).toThrow(/gateway\.operatorToken/);
      expect(() => authorizer.demand('operator', caller)).toThrow(
        expect.objectContaining({ code: 'PERMISSION_DENIED' }) as Error,
      );
    }
  });

  it('is who has the token, on loopback too', () => {
    const authorizer = createOperatorAuthorizer({ operatorToken, host: '127.0.0.1' });
    expect(() => authorizer.demand('operator', { bearerToken: operatorToken })).not.toThrow();
    for (const bearerToken of [undefined, '', 'x', `${operatorToken}x`, operatorToken.slice(1)]) {
      const caller = bearerToken === undefined ? {} : { bearerToken };
      expect(() => authorizer.demand('operator', caller)).toThrow(
        expect.objectContaining({ code: 'UNAUTHENTICATED' }) as Error,
      );
    }
  });

  it('never repeats the token in an error', () => {
    const authorizer = createOperatorAuthorizer({ operatorToken, host: '127.0.0.1' });
    try {
      authorizer.demand('operator', { bearerToken: 'guess-guess-guess' });
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toMatch(/guess|some-length/);
    }
  });
});
