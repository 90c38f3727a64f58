import { describe, expect, it } from 'vitest';
import { natsSyncMs, ownSyncInterval } from '../../../src/compose/nats-sync.ts';

const mine: readonly string[] = [];
const theirs = ['nats.example:4222'];

describe('how long NATS keeps what it has confirmed in memory alone', () => {
  it.each([
    ['10 s of a server that is started here', mine, undefined, 10_000],
    ['2 minutes of any other, which is what it does untold', theirs, undefined, 120_000],
    ['what is said, of one that is started here', mine, 3_000, 3_000],
    ['what is said, of any other', theirs, 10_000, 10_000],
    ['nothing, where that is said', theirs, 0, 0],
  ])('is %s', (_what, servers, syncIntervalMs, expected) => {
    expect(natsSyncMs({ servers: [...servers], syncIntervalMs })).toBe(expected);
  });

  it.each([
    [undefined, '10000ms'],
    [0, 'always'],
    [250, '250ms'],
  ])('is told to a server that is started here: %s', (syncIntervalMs, expected) => {
    expect(ownSyncInterval({ syncIntervalMs })).toBe(expected);
  });
});
