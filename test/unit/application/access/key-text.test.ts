import { expect, it } from 'vitest';
import { makeKey, parseKey } from '../../../../src/application/access/key-text.ts';

it('a key has an id, a secret of 256 bits and a checksum, in letters that no shell and no header changes', () => {
  const made = Array.from({ length: 100 }, () => makeKey());
  for (const { id, text } of made) expect(text).toMatch(new RegExp(`^trp_${id}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`));
  expect(new Set(made.map(({ text }) => text)).size).toBe(100);
  expect(new Set(made.map(({ id }) => id)).size).toBe(100);
});

it('the largest and the smallest bytes fit, so every bit of them counts', () => {
  for (const byte of [0, 255]) {
    const { text } = makeKey((bytes) => new Uint8Array(bytes).fill(byte));
    expect(parseKey(text)).toMatchObject({ text });
  }
  const bits = Array.from({ length: 256 }, (_, bit) => {
    const secret = new Uint8Array(32);
    secret[bit >> 3] = 1 << (bit & 7);
    return makeKey((bytes) => (bytes === 32 ? secret : new Uint8Array(bytes))).text;
  });
  expect(new Set(bits).size).toBe(256);
});

it('a key that is mistyped, cut off or made up is none', () => {
  const { text } = makeKey();
  expect(parseKey(text)).toMatchObject({ text });
  for (let at = 0; at < text.length; at += 1) {
    const other = text[at] === 'x' ? 'y' : 'x';
    expect(parseKey(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
    expect(parseKey(text.slice(0, at))).toBeUndefined();
  }
  for (const bad of ['', 'trp_', `${text}0`, ` ${text}`, `${text}\n`, text.toUpperCase()])
    expect(parseKey(bad)).toBeUndefined();
});
