/** Clients that others have made reach the door for browsers and curl: that of Connect, and curl itself. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import type { DescMethodUnary, DescService } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsIn } from '../support/docs-commands.ts';
import { contractTypes } from '../support/web-calls.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const { error: noCurl, stdout: curlVersion } = spawnSync('curl', ['--version'], { encoding: 'utf8' });
/** `--json` is of curl 7.82. */
const hasCurl = noCurl === undefined && /^curl (7\.(8[2-9]|9)|[89]|\d\d)/.test(curlVersion);

let edge: Edge;
let port: number;
beforeAll(async () => {
  edge = await openEdge();
  ({ webPort: port = 0 } = await edge.openGateway({ web: { port: 0, hosts: [], console: undefined } }));
});
afterAll(() => edge.close());

/** Without generated code: its methods are those of the descriptors. */
type AnyService = DescService & {
  readonly method: Readonly<Record<string, DescMethodUnary>>;
};

function serviceOf(name: string) {
  const service = contractTypes.getService(name);
  if (service === undefined) throw new Error(`no service ${name}`);
  const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${port}` });
  return createClient(service as AnyService, transport);
}

describe('the client of Connect for browsers', () => {
  it('submits a job and reads it', async () => {
    const jobs = serviceOf('troupe.v1.Jobs');
    const accepted = await jobs['submitJob']?.({
      job: { handler: 'test.echo', input: { kind: { case: 'json', value: '1' } } },
    });
    const { jobId } = accepted as unknown as { readonly jobId: string };
    expect(await jobs['getJob']?.({ jobId })).toMatchObject({ job: { id: jobId, spec: { handler: 'test.echo' } } });
  });

  it('reads code, text and details of an error', async () => {
    const jobs = serviceOf('troupe.v1.Jobs');
    const refused = await jobs['getJob']?.({ jobId: 'no id' }).catch((error: unknown) => ConnectError.from(error));
    expect(refused).toMatchObject({ code: Code.InvalidArgument, rawMessage: 'the request is not valid' });
    const badRequest = contractTypes.getMessage('google.rpc.BadRequest');
    const errorInfo = contractTypes.getMessage('google.rpc.ErrorInfo');
    if (badRequest === undefined || errorInfo === undefined) throw new Error('no types of details');
    const error = refused as unknown as ConnectError;
    expect(error.findDetails(badRequest)).toMatchObject([
      { fieldViolations: [{ field: 'job_id', description: 'is not a job id' }] },
    ]);
    expect(error.findDetails(errorInfo)).toMatchObject([{ reason: 'INVALID_ARGUMENT', domain: 'troupe' }]);
    expect(error.metadata.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is told when to come back', async () => {
    edge.fates.push('OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN');
    const jobs = serviceOf('troupe.v1.Jobs');
    const refused = await jobs['submitJob']?.({ job: { handler: 'test.echo' } }).catch((error: unknown) =>
      ConnectError.from(error),
    );
    edge.fates.length = 0;
    const retryInfo = contractTypes.getMessage('google.rpc.RetryInfo');
    if (retryInfo === undefined) throw new Error('no type of details');
    const error = refused as unknown as ConnectError;
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(retryInfo)).toMatchObject([{ retryDelay: { nanos: expect.any(Number) as number } }]);
    expect(error.metadata.get('retry-after')).toBe('1');
  });

  it('gives up at its timeout, and the gateway with it', async () => {
    const slow = Promise.withResolvers<undefined>();
    edge.hold = slow.promise;
    try {
      const jobs = serviceOf('troupe.v1.Jobs');
      const late = jobs['submitJob']?.({ job: { handler: 'test.echo' } }, { timeoutMs: 200 });
      await expect(late).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    } finally {
      slow.resolve(undefined);
      edge.hold = undefined;
    }
  });
});

describe('curl', () => {
  it.runIf(hasCurl)('calls with --json', async () => {
    expect(await curl(['--json', '{}', `http://127.0.0.1:${port}/troupe.v1.Access/WhoAmI`])).toMatchObject({
      principal: 'anyone',
    });
  });

  it.runIf(hasCurl)('gets the refusal of a large request before it has sent it', async () => {
    const large = 'x'.repeat(3 * 1_048_576);
    const refused = await curl(['--json', '@-', `http://127.0.0.1:${port}/troupe.v1.Access/WhoAmI`], large);
    expect(JSON.stringify(refused)).toContain('PAYLOAD_TOO_LARGE');
  });

  const examples = commandsIn('docs/guides/json.md', 'curl');

  it.runIf(hasCurl).each(examples)('works as the guide says: %s', async (command) => {
    edge.manifests.set('report.build', { name: 'report.build', version: '1.0.0', inputKind: 'any' });
    const { jobId } = await edge.client().submit('test.echo', 1);
    const here = command.replace('http://127.0.0.1:8081', `http://127.0.0.1:${port}`).replace('JOB', jobId);
    const { status, stdout } = await shell(`${here} --silent --fail --max-time 20`);
    expect([status, typeof JSON.parse(stdout)]).toEqual([0, 'object']);
  });

  async function shell(command: string): Promise<{ readonly status: number | null; readonly stdout: string }> {
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit') as Promise<[number | null]>;
    const stdout = await text(child.stdout);
    return { status: (await ended)[0], stdout };
  }

  async function curl(args: readonly string[], input = ''): Promise<unknown> {
    const child = spawn('curl', ['--silent', '--show-error', '--max-time', '20', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => undefined).end(input);
    return JSON.parse(await text(child.stdout));
  }
});
