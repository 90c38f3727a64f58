/**
 * The text of an API key: `trp_<id>_<secret>_<checksum>`, in letters and digits. Prefix and checksum let scanners find a key
 * that leaked, and let a gateway refuse a mistyped one without asking the store.
 */
import { hash, randomBytes } from 'node:crypto';

export interface KeyText {
  readonly id: string;
  readonly text: string;
  /** SHA-256 of the text, in base64. 256 random bits need no slow hash. */
  readonly digest: string;
}

export const keyPrefix = 'trp_';

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idBytes = 11;
const secretBytes = 32;
const pattern = /^trp_([0-9A-Za-z]{15})_[0-9A-Za-z]{43}_([0-9A-Za-z]{6})$/;

export function makeKey(random: (bytes: number) => Uint8Array = randomBytes): KeyText {
  const id = inLetters(random(idBytes), 15);
  const body = `${keyPrefix}${id}_${inLetters(random(secretBytes), 43)}`;
  const text = `${body}_${checksum(body)}`;
  return { id, text, digest: digestOf(text) };
}

/** Undefined if it is none: mistyped, cut off, or made up. `digest`: that of the text, if the caller has it. */
export function parseKey(text: string, digest = digestOf(text)): KeyText | undefined {
  const [, id, sum] = pattern.exec(text) ?? [];
  if (id === undefined || sum !== checksum(text.slice(0, text.lastIndexOf('_')))) return undefined;
  return { id, text, digest };
}

/** Says of any text whether it is a key that is known, for less than `parseKey` costs. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'base64');
}

function checksum(body: string): string {
  return inLetters(hash('sha256', body, 'buffer').subarray(0, 4), 6);
}

/** The bytes as a number in base 62, with leading zeros. */
function inLetters(bytes: Uint8Array, length: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  while (text.length < length) {
    text = (letters[Number(rest % 62n)] ?? '') + text;
    rest /= 62n;
  }
  return text;
}
