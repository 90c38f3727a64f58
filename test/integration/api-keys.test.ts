/** API keys on a real gateway and store: from the first account to streams that end when a key is revoked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyVerifier } from '../../src/application/access/key-verifier.ts';
import { type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import { rolesWith } from '../../src/domain/access/role.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const operatorToken = 'operators-only-1234';
let edge: Edge;
let operator: TroupeClient;

beforeAll(async () => {
  edge = await openEdge({ clock: hastyClock });
  const roles = rolesWith({});
  const keys = createKeyVerifier({
    documents: edge.store.documents,
    roles,
    clock: hastyClock,
    refused: () => undefined,
  });
  edge.authenticator = createAuthenticator({
    operatorToken: () => operatorToken,
    tokens: undefined,
    keys,
    withoutCredential: 'nothing',
  });
  operator = edge.client({ token: operatorToken });
});
afterAll(() => edge.close());

const refusalOf = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => (error instanceof TroupeClientError ? error.code : error));

const caller = async (account: string, ...roles: readonly string[]): Promise<TroupeClient> => {
  await operator.accounts.create(account, { roles });
  return edge.client({ token: (await operator.accounts.createKey(account)).key });
};

describe('a service with an API key', () => {
  it('is its service account, and may do what its roles allow', async () => {
    const billing = await caller('billing', 'submitter');
    expect(await billing.access.whoAmI()).toMatchObject({
      principal: 'service:default/billing',
      kind: 'service',
      tenant: 'default',
      roles: ['submitter'],
    });
    expect((await billing.submit('test.echo', {})).jobId).not.toBe('');
    await expect(billing.queues.create('more')).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
    await expect(billing.accounts.createKey('billing')).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  });

  it('is seen with its keys, which are rotated without a gap', async () => {
    const first = await caller('rotating', 'viewer');
    await first.access.whoAmI();
    const [key] = (await operator.accounts.get('rotating')).keys;
    const next = await operator.accounts.rotateKey('rotating', key?.id ?? '', { overlapMs: 7 * 24 * 3_600_000 });
    const second = edge.client({ token: next.key });
    const names = await Promise.all([first, second].map(async (each) => (await each.access.whoAmI()).principal));
    expect(names).toEqual(['service:default/rotating', 'service:default/rotating']);
    const { keys } = await operator.accounts.get('rotating');
    expect(keys).toMatchObject([
      { id: next.id, state: 'live', creator: 'operator' },
      { id: key?.id, state: 'retiring', successor: next.id },
    ]);
    await expect(operator.accounts.createKey('rotating')).rejects.toMatchObject({ code: 'TOO_MANY_API_KEYS' });
    await expect(operator.accounts.rotateKey('rotating', key?.id ?? '')).rejects.toMatchObject({
      code: 'API_KEY_ENDED',
      metadata: { state: 'retiring' },
    });
    const listed = [];
    for await (const { name } of operator.accounts.list()) listed.push(name);
    expect(listed).toContain('rotating');
  });

  it('loses its calls and its streams when its key is revoked', async () => {
    const watcher = await caller('watcher', 'viewer');
    const { jobId } = await operator.submit('test.echo', {});
    const stream = watcher.watch(jobId);
    expect((await stream.next()).value).toMatchObject({ job: { state: 'QUEUED' } });
    const [key] = (await operator.accounts.get('watcher')).keys;
    expect(await operator.accounts.revokeKey('watcher', key?.id ?? '')).toMatchObject({ state: 'revoked' });
    await expect(stream.next()).rejects.toMatchObject({ code: 'KEY_REVOKED', retryable: false });
    await expect(watcher.get(jobId)).rejects.toMatchObject({ code: 'KEY_REVOKED' });
  });

  it('goes on with its streams when its roles change, and sees what it may see now', async () => {
    const watcher = await caller('promoted', 'viewer');
    const { jobId } = await operator.submit('test.echo', { secret: 'plum' });
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const { job } of watcher.watch(jobId)) {
        seen.push(job.withheld);
        if (!job.withheld) return;
      }
    })();
    const { etag } = await operator.accounts.get('promoted');
    await operator.accounts.update('promoted', etag, { roles: ['payload-viewer'] });
    // The stream begins anew within 60 s by the clock of the gateway, and the next change of the job is seen whole.
    await expect.poll(async () => (await watcher.get(jobId)).withheld, { timeout: 20_000, interval: 20 }).toBe(false);
    await operator.cancel(jobId, 'enough');
    await watching;
    expect(seen).toContain(true);
    expect(seen.at(-1)).toBe(false);
  });

  it('of an account that was deleted is nobody', async () => {
    const gone = await caller('gone', 'viewer');
    await gone.access.whoAmI();
    await operator.accounts.delete('gone');
    await expect(operator.accounts.get('gone')).rejects.toMatchObject({ code: 'SERVICE_ACCOUNT_NOT_FOUND' });
    await expect.poll(() => refusalOf(gone.access.whoAmI()), { timeout: 20_000, interval: 20 }).toBe('TOKEN_INVALID');
  });
});
