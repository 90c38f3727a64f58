/** What the door for browsers and curl refuses, and with which words: forms, sites, JSON that is none. And its files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConsoleAssets } from '../../src/gateway/web/console-assets.ts';
import { ask, postJson, violationsOf } from '../support/web-calls.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const getJob = '/troupe.v1.Jobs/GetJob';
const submit = '/troupe.v1.Jobs/SubmitJob';
const whoAmI = '/troupe.v1.Access/WhoAmI';
const json = { 'content-type': 'application/json' };

let edge: Edge;
let folder: string;
let port: number;
beforeAll(async () => {
  edge = await openEdge();
  folder = mkdtempSync(join(tmpdir(), 'troupe-console-'));
  mkdirSync(join(folder, 'assets'));
  const page = '<!doctype html><title>console</title>';
  writeFileSync(join(folder, 'index.html'), page);
  writeFileSync(join(folder, 'index.html.br'), brotliCompressSync(page));
  writeFileSync(join(folder, 'assets', 'main-4KXQ2ZTA.js'), 'export {};');
  for (const name of ['.sources', 'notes.secret']) writeFileSync(join(folder, name), 'of the build');
  const web = { port: 0, hosts: ['troupe.example.com', 'other.example.com:8443'], console: readConsoleAssets(folder) };
  ({ webPort: port = 0 } = await edge.openGateway({ web }));
});
afterAll(async () => {
  await edge.close();
  rmSync(folder, { recursive: true });
});

describe('JSON', () => {
  it.each([
    ['nothing', getJob, '', { '': 'is empty: a request without fields is {}' }],
    ['no JSON', getJob, '{"jobId":', { '': 'is no JSON' }],
    ['a list', getJob, '[]', { '': 'must be an object' }],
    ['a text', getJob, '"x"', { '': 'must be an object' }],
    ['a field that is none', getJob, '{"jobIds":"x"}', { jobIds: 'is no field of troupe.v1.GetJobRequest' }],
    ['one within', submit, '{"job":{"retry":{"x":1}}}', { 'job.retry.x': 'is no field of troupe.v1.RetryPolicy' }],
    [
      'an extension',
      getJob,
      '{"[troupe.v1.access]":{}}',
      { '[troupe.v1.access]': 'is no field of troupe.v1.GetJobRequest' },
    ],
    ['__proto__', getJob, '{"__proto__":{"jobId":"x"}}', { ['__proto__']: 'is no field of troupe.v1.GetJobRequest' }],
    ['a number for a text', getJob, '{"jobId":1}', { job_id: 'must be text of well-formed Unicode' }],
    ['half a surrogate pair', getJob, '{"jobId":"\\ud83d"}', { job_id: 'must be text of well-formed Unicode' }],
    ['a name twice', getJob, '{"jobId":"a","job\\u0049d":"b"}', { jobId: 'is given twice' }],
    ['both spellings', getJob, '{"jobId":"a","job_id":"b"}', { job_id: 'is given twice, also as jobId' }],
    ['a name twice within', submit, '{"job":{"labels":{"a":"1","a":"2"}}}', { 'job.labels.a': 'is given twice' }],
    ['a fraction', submit, '{"job":{"priority":1.5}}', { 'job.priority': 'must be a whole number from 0 in 32 bits' }],
    [
      'too large a number',
      submit,
      '{"job":{"priority":4294967296}}',
      { 'job.priority': 'must be a whole number from 0 in 32 bits' },
    ],
    [
      'an endless number',
      submit,
      `{"job":{"priority":1e999}}`,
      { 'job.priority': 'must be a whole number from 0 in 32 bits' },
    ],
    [
      '2^64',
      submit,
      '{"job":{"input":{"largeBytes":"18446744073709551616"}}}',
      { 'job.input.large_bytes': 'must be a whole number in 64 bits, above 2^53 as text' },
    ],
    ['no base64', submit, '{"job":{"input":{"data":"§"}}}', { 'job.input.data': 'must be base64' }],
    [
      'no duration',
      submit,
      '{"job":{"retention":60}}',
      { 'job.retention': 'must be a duration such as "90s" or "0.5s"' },
    ],
    [
      'too fine a duration',
      submit,
      '{"job":{"retention":"1.0000000001s"}}',
      { 'job.retention': 'must be a duration such as "90s" or "0.5s"' },
    ],
    [
      'no time',
      submit,
      '{"job":{"runTime":"tomorrow"}}',
      { 'job.run_time': 'must be a time such as "2026-12-01T08:00:00Z"' },
    ],
    [
      'two of one',
      submit,
      '{"job":{"input":{"json":"1","data":"AA"}}}',
      { 'job.input.kind': 'only one of json, data can be set' },
    ],
    ['a list for a message', submit, '{"job":[]}', { job: 'must be an object' }],
    ['null in a list', '/troupe.v1.Jobs/SubmitJobs', '{"requests":[{},null]}', { 'requests[1]': 'must be an object' }],
    [
      'a wrong item',
      '/troupe.v1.Jobs/SubmitJobs',
      '{"requests":[{},{"job":{"handler":2}}]}',
      { 'requests[1].job.handler': 'must be text of well-formed Unicode' },
    ],
    [
      'a label that is no text',
      submit,
      '{"job":{"labels":{"a":"x","b":2}}}',
      { 'job.labels[b]': 'must be text of well-formed Unicode' },
    ],
    [
      'a mask in another spelling',
      '/troupe.v1.Queues/UpdateQueue',
      '{"updateMask":"max_running"}',
      { update_mask: 'must be names of fields in lowerCamelCase, with commas between them' },
    ],
  ])('that is %s is refused, and the answer names the field', async (_what, path, body, violations) => {
    const reply = await postJson(port, path, body);
    expect([reply.status, reply.json.code]).toEqual([400, 'invalid_argument']);
    expect(Object.entries(violationsOf(reply))).toEqual(Object.entries(violations));
  });

  it('with a word that no enum has is told the words', async () => {
    const reply = await postJson(port, '/troupe.v1.Jobs/ListJobs', '{"filter":{"states":["QUEUED"]}}');
    expect(violationsOf(reply)).toEqual({ 'filter.states[0]': expect.stringContaining('JOB_STATE_QUEUED') as string });
  });

  it('that is not UTF-8 is refused', async () => {
    const reply = await postJson(port, getJob, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
    expect(violationsOf(reply)).toEqual({ '': 'is not UTF-8' });
  });

  it.each([
    ['deep objects', '{"job":'.repeat(70_000)],
    ['deep lists', '['.repeat(500_000)],
    ['many parts', `{"requests":[${'{},'.repeat(60_000)}{}]}`],
  ])('with too much in it (%s) is refused before it is parsed', async (_what, body) => {
    const reply = await postJson(port, submit, body);
    expect([reply.status, reply.json.code]).toEqual([400, 'invalid_argument']);
    expect(Object.values(violationsOf(reply)).join()).toMatch(/nested deeper|more than 100000 parts/);
  });
});

describe('a request', () => {
  it.each([
    ['another content type', { 'content-type': 'application/grpc-web' }, 415, 'unknown'],
    ['no content type', { 'content-type': '' }, 415, 'unknown'],
    ['the type of a form', { 'content-type': 'text/plain' }, 415, 'unknown'],
    ['another charset', { 'content-type': 'application/json; charset=latin1' }, 415, 'unknown'],
    ['a later protocol', { ...json, 'connect-protocol-version': '2' }, 400, 'invalid_argument'],
    ['compression', { ...json, 'content-encoding': 'gzip' }, 501, 'unimplemented'],
    ['no timeout', { ...json, 'connect-timeout-ms': 'soon' }, 400, 'invalid_argument'],
    ['eleven digits of timeout', { ...json, 'connect-timeout-ms': '12345678901' }, 400, 'invalid_argument'],
  ])('with %s is refused', async (_what, headers, status, code) => {
    const reply = await ask(port, whoAmI, { headers, body: '{}' });
    expect([reply.status, reply.json.code]).toEqual([status, code]);
    expect(reply.headers['x-request-id']).toMatch(/./);
    if (status === 415) expect(reply.headers['accept-post']).toBe('application/json');
    if (code === 'unimplemented') expect(reply.headers['accept-encoding']).toBe('identity');
  });

  it.each([
    { ...json, 'content-type': 'application/json; charset=utf-8' },
    { ...json, 'connect-protocol-version': '1' },
    { ...json, 'content-encoding': 'identity' },
    { ...json, 'connect-timeout-ms': '9999999999' },
    { ...json, expect: '100-continue' },
  ])('with %j is served', async (headers) => {
    expect((await ask(port, whoAmI, { headers, body: '{}' })).status).toBe(200);
  });

  it('for a method that is none, or by another verb, is refused', async () => {
    expect(await postJson(port, '/troupe.v1.Jobs/Nothing', '{}')).toMatchObject({
      status: 404,
      json: { code: 'unimplemented' },
    });
    expect(await postJson(port, '/grpc.health.v1.Health/Check', '{}')).toMatchObject({ status: 404 });
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const reply = await ask(port, whoAmI, { method });
      expect([method, reply.status, reply.headers.allow]).toEqual([method, 405, 'POST']);
      expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(await ask(port, '/', { method: 'OPTIONS' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect((await ask(port, path, { method: 'GET' })).text).toContain('<title>console');
  });
});

describe('a site', () => {
  const own = (): string => `127.0.0.1:${port}`;

  it.each([
    ['attacker.example', 403],
    ['attacker.example:80', 403],
    ['127.0.0.1.attacker.example', 403],
    ['localhost.attacker.example', 403],
    ['user@localhost', 403],
    ['localhost/x', 403],
    ['other.example.com', 403],
    ['other.example.com:8443', 200],
    ['troupe.example.com', 200],
    ['Troupe.Example.com:443', 200],
    ['localhost:1234', 200],
    ['192.0.2.7', 200],
    ['[::1]:8081', 200],
  ])('whose name is %s gets %i', async (host, status) => {
    const headers = { ...json, host };
    expect((await ask(port, whoAmI, { headers, body: '{}' })).status).toBe(status);
    expect((await ask(port, '/', { method: 'GET', headers: { host } })).status).toBe(status);
  });

  it.each([
    ['no page', () => ({}), 200],
    ['a page of its own', () => ({ origin: `http://${own()}`, 'sec-fetch-site': 'same-origin' }), 200],
    ['an address bar', () => ({ 'sec-fetch-site': 'none' }), 200],
    [
      'a page of a name of the configuration',
      () => ({ origin: 'https://troupe.example.com', 'sec-fetch-site': 'cross-site' }),
      200,
    ],
    ['another site', () => ({ origin: 'https://attacker.example', 'sec-fetch-site': 'cross-site' }), 403],
    ['another port of this machine', () => ({ origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' }), 403],
    ['a page whose origin is kept back', () => ({ origin: 'null', 'sec-fetch-site': 'cross-site' }), 403],
    ['a page without origin', () => ({ 'sec-fetch-site': 'cross-site' }), 403],
    ['a sibling without origin', () => ({ 'sec-fetch-site': 'same-site' }), 403],
    ['its own name and another site', () => ({ origin: `http://${own()}`, 'sec-fetch-site': 'cross-site' }), 403],
    ['another scheme', () => ({ origin: `file://${own()}` }), 403],
    ['a name with something behind', () => ({ origin: 'https://troupe.example.com/x' }), 403],
  ])('that calls from %s gets an answer of its own', async (_what, headers, status) => {
    const reply = await postJson(port, whoAmI, '{}', headers());
    expect([reply.status, Object.keys(reply.headers).some((name) => name.startsWith('access-control'))]).toEqual([
      status,
      false,
    ]);
  });

  it('whose name was pointed here gets no file either, and a link from elsewhere gets the page', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await ask(port, '/jobs', { method: 'GET', headers })).status).toBe(200);
  });
});

describe('the console', () => {
  const get = (path: string, headers = {}, method = 'GET') => ask(port, path, { method, headers });

  it('is a page under every path without an ending, with a strict policy', async () => {
    for (const path of ['/', '/jobs', '/jobs/01a22fd5', '/?queue=a.b', '/queues/']) {
      const page = await get(path);
      expect([path, page.status, page.text]).toEqual([path, 200, '<!doctype html><title>console</title>']);
      expect(page.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(page.headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/,
      );
      expect(page.headers['content-security-policy']).not.toContain('unsafe');
    }
  });

  it('has files that are kept for ever where the name says what is in them', async () => {
    const file = await get('/assets/main-4KXQ2ZTA.js');
    expect(file.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const { etag = '' } = file.headers;
    expect(await get('/assets/main-4KXQ2ZTA.js', { 'if-none-match': `"x", W/${etag}` })).toMatchObject({
      status: 304,
      text: '',
    });
    const head = await get('/assets/main-4KXQ2ZTA.js', {}, 'HEAD');
    expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '10', '']);
  });

  it('is compressed for who takes that', async () => {
    const { headers } = await get('/', { 'accept-encoding': 'gzip, br;q=0.9' });
    expect(headers).toMatchObject({
      'content-encoding': 'br',
      vary: 'accept-encoding',
      'content-type': 'text/html; charset=utf-8',
    });
    expect((await get('/', { 'accept-encoding': 'br;q=0' })).headers['content-encoding']).toBeUndefined();
  });

  it.each([
    '/../package.json',
    '/assets/../../etc/passwd.txt',
    '/%2e%2e/index.html',
    '/assets%2fmain-4KXQ2ZTA.js',
    '//etc/passwd.x',
    '/index.html.br',
    '/missing.js',
    '/__proto__.js',
    '/.sources',
    '/notes.secret',
  ])('has nothing at %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('is missing in words where it was not built', async () => {
    const { webPort = 0 } = await edge.openGateway({ web: { port: 0, hosts: [], console: undefined } });
    const page = await ask(webPort, '/', { method: 'GET' });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(page.text).toContain('The console is not in this build');
    expect((await ask(webPort, '/index.html', { method: 'GET' })).status).toBe(404);
  });
});
