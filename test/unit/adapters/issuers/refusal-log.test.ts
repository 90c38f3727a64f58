import { expect, it } from 'vitest';
import { RefusalLog } from '../../../../src/adapters/issuers/refusal-log.ts';

it('each reason of a refusal is said once a second, with the number of those that were not said', () => {
  let nowMs = 0;
  const said: unknown[] = [];
  const log = new RefusalLog({
    clock: { monotonicMs: () => nowMs },
    log: { info: ({ reason, more }) => void said.push([reason, more]) },
  });
  for (let n = 0; n < 1_000; n += 1) log.say('bad signature');
  log.say('other audience');
  nowMs = 1_000;
  log.say('bad signature');
  expect(said).toEqual([
    ['bad signature', 0],
    ['other audience', 0],
    ['bad signature', 999],
  ]);
});

it('of ever new reasons a hundred are told apart in a second, and the others are counted', () => {
  let nowMs = 0;
  const said: unknown[] = [];
  const log = new RefusalLog({
    clock: { monotonicMs: () => nowMs },
    log: { info: ({ reason, more }) => void said.push([reason, more]) },
  });
  for (let n = 0; n < 1_000; n += 1) log.say(`reason ${n}`);
  expect(said).toHaveLength(101);
  expect(said.at(-1)).toEqual(['one of many others', 0]);
  log.say('reason 0');
  expect(said).toHaveLength(101);
  nowMs = 1_000;
  log.say('reason 5000');
  expect(said.at(-1)).toEqual(['reason 5000', 0]);
});
