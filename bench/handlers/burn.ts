/** The CPU job of the bench. The same function runs in a bare Piscina pool and in a handler of Troupe. */
export function burn({ rounds }: { readonly rounds: number }): number {
  let x = 123_456_789;
  for (let round = 0; round < rounds; round += 1) {
    // xorshift: each step depends on the previous one, so the compiler cannot remove any.
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  return x;
}
