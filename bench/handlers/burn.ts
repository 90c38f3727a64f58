/** The CPU job of the bench: the same function in a bare Piscina pool and in a handler of Troupe. */
export function burn({ rounds }: { readonly rounds: number }): number {
  let x = 123_456_789;
  for (let round = 0; round < rounds; round += 1) {
    // xorshift: each step needs the one before, so nothing can be left out.
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  return x;
}
