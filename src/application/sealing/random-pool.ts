/** Random bytes for nonces, fetched many at a time: each seal needs twelve, and fetching them costs as much as sealing them. */
import type { RandomBytes } from './sealing.ts';

const poolBytes = 12 * 1_024;

/** No byte is given twice. */
export function createRandomPool(randomBytes: RandomBytes): RandomBytes {
  let pool: Uint8Array = new Uint8Array();
  return (bytes) => {
    if (bytes > poolBytes) return randomBytes(bytes);
    if (pool.byteLength < bytes) pool = randomBytes(poolBytes);
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}
