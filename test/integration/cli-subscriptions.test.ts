/** `troupe subscriptions`, from making one to its end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
beforeAll(async () => void (edge = await openEdge()));
afterAll(() => edge.close());

async function troupe(...args: readonly string[]) {
  const terminal = recordedTerminal();
  const code = await runCli(['subscriptions', ...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

it('makes, shows, lists and ends a subscription', async () => {
  const flags = ['--queue', 'b', '--queue', 'a', '--event', 'failed', '--event', 'succeeded', '--idle-timeout', '2h'];
  const made = await troupe('create', 'billing', ...flags, '--description', 'the bill');
  expect(made).toMatchObject({ code: 0 });
  expect(made.out).toMatch(/^name +billing\ndescription +the bill\nqueues +a, b\nevents +succeeded, failed\n/);
  expect(made.out).toMatch(/\nidle timeout +2 ?h.*\n/);
  expect(made.out).toMatch(/\nconsumer +default=billing=[0-9a-f]{32}\nstreams +TROUPE_EVENTS\n$/);
  const found = await troupe('get', 'billing');
  expect(found.out).toMatch(/STREAM +PENDING +ACK PENDING +REDELIVERED +WAITING *\nTROUPE_EVENTS +0 +0 +0 +0/);
  const { out } = await troupe('get', 'billing', '--json');
  expect(JSON.parse(out)).toMatchObject({ name: 'billing', backlog: [{ stream: 'TROUPE_EVENTS', pending: 0 }] });
  expect((await troupe('list')).out).toMatch(/^SUBSCRIPTION +QUEUES .*\nbilling +a, b +succeeded, failed .*the bill/);
  expect(await troupe('delete', 'billing')).toMatchObject({ code: 0, out: '' });
  expect((await troupe('list')).out).not.toContain('billing');
});

it.each<[number, string, ...string[]]>([
  [4, '`troupe subscriptions list` shows', 'get', 'x'],
  [4, '`troupe subscriptions list` shows', 'delete', 'toString'],
  [2, '--event done: must be one of scheduled', 'create', 'x', '--event', 'done'],
  [2, '--max-deliver 0', 'create', 'x', '--max-deliver', '0'],
  [2, 'idle_timeout', 'create', 'x', '--idle-timeout', '1m'],
  [2, 'name', 'create', 'a.b'],
])('ends with %i and says %j', async (code, message, ...args) => {
  const said = await troupe(...args);
  expect(said.code).toBe(code);
  expect(said.err).toContain(message);
});
