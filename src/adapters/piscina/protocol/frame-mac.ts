/**
 * The MAC of frames between node and cell. All threads of a cell can write to its descriptors, so the shape of a frame
 * does not show who made it. The keys do: they are new for each process, one pair for each direction, and only the main
 * isolate of the cell has them.
 * - The keys are the first bytes on the pipe. The cell reads them before it starts a thread, and overwrites what it read:
 *   memory that is free again can come up in a buffer of any thread. So no copy of a key is ever freed unwiped.
 * - The MAC covers the number of the frame, so a frame that is repeated, left out or moved does not pass.
 * - A frame is small as a rule, and then the price is that of the call. The cheapest is one of SHA-256 over key, number,
 *   length and body. Nobody can extend such a digest: half of it is never shown, and the length is part of it.
 * - For larger frames the price is that of the bytes. GMAC (AES-256-GCM that encrypts nothing) takes a quarter of what
 *   SHA-256 does. It needs a nonce that never repeats under one key, and the number of the frame is one.
 */
import { createCipheriv, createSecretKey, hash, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

const keyBytes = 32;
const pairBytes = 2 * keyBytes;
const nonceBytes = 12;
const numberBytes = 6;
/** Larger bodies get a GMAC. There both cost about the same. */
const smallMaxBytes = 16 * 1_024;
/** Of a small frame, before its body: key, number, length. */
const prefaceBytes = keyBytes + 2 * numberBytes;
export const macBytes = 16;
/** What the node sends before the first frame. */
export const channelKeysBytes = 2 * pairBytes;

export interface ChannelMacs {
  readonly toCell: FrameMac;
  readonly toNode: FrameMac;
}

/** Random bytes that make the keys of one process. */
export function newKeyBytes(): Buffer {
  const bytes = Buffer.alloc(channelKeysBytes);
  bytes.set(randomBytes(channelKeysBytes));
  return bytes;
}

/** The caller overwrites `keys` when nobody needs them any more. */
export function channelMacsOf(keys: Uint8Array): ChannelMacs {
  if (keys.byteLength !== channelKeysBytes) throw new RangeError(`${keys.byteLength} bytes of keys`);
  return {
    toCell: new FrameMac(keys.subarray(0, pairBytes)),
    toNode: new FrameMac(keys.subarray(pairBytes)),
  };
}

/** The MACs of the frames of one direction, in order. */
export class FrameMac {
  /** The key stays at its begin, for as long as the channel. */
  readonly #small = Buffer.alloc(prefaceBytes + smallMaxBytes);
  readonly #largeKey: KeyObject;
  readonly #nonce = Buffer.alloc(nonceBytes);
  #frames = 0;

  constructor(keys: Uint8Array) {
    this.#small.set(keys.subarray(0, keyBytes));
    this.#largeKey = createSecretKey(keys.subarray(keyBytes, pairBytes));
  }

  /** The MAC of the next frame. */
  next(body: Uint8Array): Uint8Array {
    this.#frames += 1;
    return body.byteLength <= smallMaxBytes ? this.#ofSmall(body) : this.#ofLarge(body);
  }

  /** True if this is the MAC of the next frame. Compares in constant time. */
  accepts(body: Uint8Array, mac: Uint8Array): boolean {
    return timingSafeEqual(this.next(body), mac);
  }

  #ofSmall(body: Uint8Array): Uint8Array {
    const all = this.#small;
    all.writeUIntBE(this.#frames, keyBytes, numberBytes);
    all.writeUIntBE(body.byteLength, keyBytes + numberBytes, numberBytes);
    all.set(body, prefaceBytes);
    return hash('sha256', all.subarray(0, prefaceBytes + body.byteLength), 'buffer').subarray(0, macBytes);
  }

  #ofLarge(body: Uint8Array): Uint8Array {
    this.#nonce.writeUIntBE(this.#frames, nonceBytes - numberBytes, numberBytes);
    const gcm = createCipheriv('aes-256-gcm', this.#largeKey, this.#nonce);
    gcm.setAAD(body);
    gcm.final();
    return gcm.getAuthTag();
  }
}
