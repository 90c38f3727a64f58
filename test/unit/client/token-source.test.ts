/** Tokens that no header can carry, and sources that do not answer. No gateway is asked. */
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/client/index.ts';
import { tokenFrom, type TokenSource } from '../../../src/client/token-source.ts';

const laterMs = (): number => Date.now() + 60_000;
const silent: TokenSource = () => new Promise<string>(() => undefined);

async function textOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  return error instanceof Error ? `${error.message} ${JSON.stringify(error)}` : 'no error';
}

describe('a source of tokens', () => {
  it('that does not answer fails the call at its deadline, and nothing was sent', async () => {
    await expect(tokenFrom(silent, { deadlineMs: Date.now() + 10, signal: undefined })).rejects.toMatchObject({
      code: 'CALL_DEADLINE_EXCEEDED',
      outcome: 'none',
    });
  });

  it('is waited for no longer than the caller wants', async () => {
    const caller = new AbortController();
    const waiting = tokenFrom(silent, { deadlineMs: laterMs(), signal: caller.signal });
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CALL_CANCELLED', outcome: 'none' });
  });

  it.each(['', 'secret-token\n', 'secret token', 'secrét', undefined as unknown as string])(
    'that gives %j is told what a token is, without the token',
    async (token) => {
      const call = tokenFrom(() => token, { deadlineMs: laterMs(), signal: undefined });
      await expect(call).rejects.toMatchObject({ code: 'NO_CREDENTIALS', retryable: false });
      expect(await textOf(call)).not.toMatch(/secr/);
    },
  );
});

describe('a token', () => {
  it.each(['', 'secret-token\n', 'secret token'])('such as %j is refused when the client is made', (token) => {
    expect(() => connect({ address: '127.0.0.1:1', token })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', violations: [expect.objectContaining({ field: 'token' })] }),
    );
  });
});
