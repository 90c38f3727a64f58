/**
 * Signs logins as an account key of NATS. The client's own library signs in JavaScript, for some milliseconds each; Node's takes a
 * tenth of one.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { fromSeed } from '@nats-io/nkeys';

export interface Signer {
  readonly publicKey: string;
  sign(data: Uint8Array): Buffer;
}

/** An Ed25519 key in PKCS #8, up to its 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

let last: { readonly seed: string; readonly signer: Signer } | undefined;

/** Made once for each seed. Throws if it is none. */
export function signerOf(seed: string): Signer {
  if (last?.seed === seed) return last.signer;
  const publicKey = fromSeed(Buffer.from(seed)).getPublicKey();
  // Two bytes say what it is, and two at its end are a checksum, which `fromSeed` has compared.
  const raw = bytesOf(seed).subarray(2, 34);
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, raw]), format: 'der', type: 'pkcs8' });
  const signer = { publicKey, sign: (data: Uint8Array) => sign(null, data, key) };
  last = { seed, signer };
  return signer;
}

/** Of base32. */
function bytesOf(text: string): Buffer {
  const bits = Array.from(text, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/gu) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
