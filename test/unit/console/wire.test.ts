/** Calls of the console: what goes out, what an error becomes; and that what it reads exists in the contract. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createCaller, failureOf } from '../../../console/src/wire/call.ts';
import { loadContractRoot } from '../../../src/contract/root.ts';

interface Sent {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

function caller(response: () => Response, token?: string) {
  const sent: Sent[] = [];
  const { call } = createCaller({
    credential: () => token,
    fetch: async (url, init) => {
      sent.push({ url, headers: init.headers as Record<string, string>, body: init.body as string });
      return response();
    },
  });
  return { call, sent };
}

describe('a call', () => {
  it('is a POST below the folder of the page, with the credential and the reason', async () => {
    const { call, sent } = caller(
      () => new Response('{"a":1}', { headers: { date: 'Mon, 30 Nov 2026 12:00:00 GMT' } }),
      'trp_x',
    );
    const result = await call('Jobs/CancelJob', { jobId: 'j' }, { auditReason: 'Störung 7' });
    expect(result).toEqual({ isOk: true, answer: { a: 1 }, serverMs: Date.UTC(2026, 10, 30, 12) });
    expect(sent[0]).toMatchObject({ url: './troupe.v1.Jobs/CancelJob', body: '{"jobId":"j"}' });
    expect(sent[0]?.headers['authorization']).toBe('Bearer trp_x');
    expect(Buffer.from(sent[0]?.headers['troupe-reason-bin'] ?? '', 'base64').toString()).toBe('Störung 7');
  });

  it('has a code when the gateway cannot be reached, and never throws', async () => {
    const { call } = caller(() => {
      throw new TypeError('Failed to fetch');
    });
    expect(await call('Jobs/GetJob', {})).toMatchObject({ isOk: false, failure: { code: 'offline' } });
    const late = caller(() => new Response('no json'));
    expect(await late.call('Jobs/GetJob', {}, { signal: AbortSignal.abort() })).toMatchObject({
      isOk: false,
      failure: { code: 'canceled' },
    });
  });
});

describe('an error', () => {
  it('has the code, the reason and the fields of the gateway', () => {
    const details = [
      { type: 'google.rpc.ErrorInfo', value: '', debug: { reason: 'INVALID_ARGUMENT', domain: 'troupe' } },
      {
        type: 'google.rpc.BadRequest',
        value: '',
        debug: { fieldViolations: [{ field: 'flow.rate', description: 'too large' }] },
      },
    ];
    const text = JSON.stringify({ code: 'invalid_argument', message: 'no', details });
    expect(failureOf(400, text, '2')).toEqual({
      code: 'invalid_argument',
      reason: 'INVALID_ARGUMENT',
      message: 'no',
      violations: [{ field: 'flow.rate', description: 'too large' }],
      retryAfterMs: 2_000,
    });
  });

  it('of a proxy in between has a code, too', () => {
    expect(failureOf(502, '<html>Bad gateway</html>', null)).toMatchObject({ code: 'unavailable', reason: '' });
    expect(failureOf(401, '', null).code).toBe('unauthenticated');
  });
});

describe('what the console reads', () => {
  const folder = fileURLToPath(new URL('../../../console/src/wire/', import.meta.url));
  const contract = loadContractRoot();
  /** Where a message has another name here. */
  const renamed: ReadonlyMap<string, string> = new Map([
    ['Quantiles', 'DurationQuantiles'],
    ['WhoAmI', 'WhoAmIResponse'],
    ['Failure', 'JobFailure'],
    ['Attempt', 'JobAttempt'],
    ['Waiting', 'JobWaiting'],
    ['LogLine', 'JobLogLine'],
    ['Overview', 'GetOverviewResponse'],
  ]);

  it.each(['shapes.ts', 'overview-shapes.ts'])('exists in the contract: %s', (file) => {
    const text = readFileSync(folder + file, 'utf8');
    const shapes = [...text.matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm)];
    expect(shapes.length).toBeGreaterThan(3);
    const unknown = shapes.flatMap(([, name = '', body = '']) => {
      const type = contract.lookupType(`troupe.v1.${renamed.get(name) ?? name}`);
      const fields = [...body.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, field = '']) => field);
      return fields.filter((field) => type.fields[field] === undefined).map((field) => `${name}.${field}`);
    });
    expect(unknown).toEqual([]);
  });
});
