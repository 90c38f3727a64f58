/** What callers without a credential may do, from the configuration of a gateway. */
import { describe, expect, it } from 'vitest';
import { allowedToAnyone } from '../../../src/compose/gateway-access.ts';
import { loadConfig } from '../../../src/config/index.ts';

const corp = { name: 'corp', issuer: 'https://id.example.com', audience: 'troupe' };

describe('callers without a credential', () => {
  it.each([
    [{}, false, 'everything'],
    [{}, true, 'work'],
    [{ auth: 'none' }, false, 'work'],
    [{ auth: 'none', host: '10.0.0.1', insecure: true }, false, 'work'],
    [{ issuers: [corp] }, false, 'nothing'],
  ])('of a gateway with %j (operator token: %j) may do %s', (gateway, hasOperatorToken, allowed) => {
    expect(allowedToAnyone(loadConfig({ fileText: JSON.stringify({ gateway }) }).gateway, hasOperatorToken)).toBe(
      allowed,
    );
  });
});
