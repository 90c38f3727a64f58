/** Texts that are legal, or look so, and that code trips over: as a name in an index, at a bound, on the wire. */
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

/** Half of a character each: no text in UTF-8 can say them. */
export const halfWords: readonly string[] = ['\ud83c', '\udf89', 'a\ud83cb', `${'x'.repeat(60)}\ud83c`];
