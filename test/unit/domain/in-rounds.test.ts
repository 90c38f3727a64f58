import { expect, it } from 'vitest';
import { InRounds } from '../../../src/domain/in-rounds.ts';

it('entries have their turns in rounds, also those that came meanwhile, and none that left', () => {
  const all = new Set([1, 2, 3, 4, 5]);
  const rounds = new InRounds(all);
  expect([...rounds.next(2)]).toEqual([1, 2]);
  all.delete(3);
  all.add(6);
  expect([...rounds.next(2)]).toEqual([4, 5]);
  expect([...rounds.next(2)]).toEqual([6, 1]);
  expect([...rounds.next(100)]).toEqual([2, 4, 5, 6, 1]);
});

it('a caller that stops early goes on from there', () => {
  const rounds = new InRounds(new Map([1, 2, 3].map((n) => [n, n])));
  for (const [n] of rounds.next(3)) if (n === 2) break;
  expect([...rounds.next(2)].map(([n]) => n)).toEqual([3, 1]);
});

it('nothing comes of an empty collection, and nothing more once all were removed', () => {
  const all = new Set<number>();
  const rounds = new InRounds(all);
  expect([...rounds.next(5)]).toEqual([]);
  all.add(1).add(2);
  for (const one of rounds.next(5)) all.delete(one);
  expect([...rounds.next(5)]).toEqual([]);
});
