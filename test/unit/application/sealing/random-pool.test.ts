/** Nonces from a pool: never one twice, never fewer bytes than asked for. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createRandomPool } from '../../../../src/application/sealing/random-pool.ts';

it('gives every byte once, and fetches rarely', () => {
  const fetched: Uint8Array[] = [];
  const pool = createRandomPool((bytes) => {
    const more = randomBytes(bytes);
    fetched.push(more);
    return more;
  });
  const nonces = Array.from({ length: 3_000 }, (_, n) => pool(n % 100 === 0 ? 16 : 12));
  expect(nonces.filter(({ byteLength }, n) => byteLength !== (n % 100 === 0 ? 16 : 12))).toEqual([]);
  expect(new Set(nonces.map((nonce) => Buffer.from(nonce).toString('hex'))).size).toBe(3_000);
  expect(fetched).toHaveLength(3);
  expect(pool(100_000)).toHaveLength(100_000);
});
