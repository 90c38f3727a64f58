/**
 * Valid or seemingly valid texts on which code tends to fail: as a key of an object, at a length limit, on the wire.
 */
export const prototypeNames: readonly string[] = Object.getOwnPropertyNames(Object.prototype);

export const hardWords: readonly string[] = [
  ...prototypeNames,
  'prototype',
  'then',
  'toJSON',
  '',
  ' ',
  '0',
  'x'.repeat(256),
  'é'.repeat(256),
  'Holiday 🎉',
  '\0',
  'a\0b',
  'a\nb',
  '../..',
  '*',
  '>',
];

/** Texts with half a surrogate pair, which UTF-8 cannot encode. */
export const halfWords: readonly string[] = ['\ud83c', '\udf89', 'a\ud83cb', `${'x'.repeat(60)}\ud83c`];
