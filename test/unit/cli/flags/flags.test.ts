// What flags refuse by themselves: no gateway is asked.
import { expect, it } from 'vitest';
import { runCli } from '../../../../src/cli/main.ts';
import { exitCodes } from '../../../../src/cli/errors/exit-code.ts';
import { recordedTerminal } from '../../../support/recorded-terminal.ts';

async function refused(args: readonly string[], why: string): Promise<void> {
  const terminal = recordedTerminal();
  // Nothing listens there: what is not refused ends with another code.
  const code = await runCli([...args, '--address', '127.0.0.1:1'], { terminal });
  expect([code, terminal.written.out]).toEqual([exitCodes.usage, '']);
  expect(terminal.written.err).toContain(why);
}

const timeFlags = [
  ['submit', 'h', '{}', '--run-at'],
  ['reschedule', 'j', '--at'],
  ...['list', 'follow', 'redrive', 'cancel'].flatMap((command) =>
    ['--from', '--before', '--ended-from', '--ended-before'].map((flag) => [command, flag]),
  ),
];

it.each(timeFlags.map((args) => [args.join(' '), args] as const))(
  '%s takes an instant with its zone',
  async (_, args) => {
    const flag = args.at(-1) ?? '';
    for (const text of ['1', '2027-02-30T06:00:00Z', '2027-02-01T06:00:00', '2027-02-01', 'tomorrow', '']) {
      await refused([...args, text], `${flag} ${text}: write a time with its zone`);
    }
  },
);

it.each([
  [['submit', 'h', '{}', '--delay', '99999999999d'], '--delay 99999999999d: must be at most 36500d'],
  [['submit', 'h', '{}', '--queue-timeout', '9999999999999999999999d'], 'must be at most 36500d'],
  [['reschedule', 'j', '--delay', '99999999999d'], 'must be at most 36500d'],
  [['ps', '--interval', '99999999999d'], 'must be at most 36500d'],
  [['submit', 'h', '{}', '--priority', '4294967296'], 'must be a whole number from 0 to 4'],
  [['submit', 'h', '{}', '--max-attempts', '4294967297'], 'must be a whole number from 1 to 100'],
])('%j is refused', refused);

it.each([
  // Each would be read as not given: a script with a variable that is not set would cancel another queue.
  [['cancel', '--queue', ''], '--queue: must not be empty'],
  [['list', '--queue', ''], '--queue: must not be empty'],
  [['redrive', '--handler', ''], '--handler: must not be empty'],
  [['submit', 'h', '{}', '--queue', ''], '--queue: must not be empty'],
  [['submit', 'h', '{}', '--key', ''], '--key: must not be empty'],
  [['submit', 'h', '{}', '--unique-key', ''], '--unique-key: must not be empty'],
  [['ps', '--node', ''], '--node: must not be empty'],
])('%j is refused', refused);
